// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "report/json_value.hpp"
#include "report/number.hpp"
#include "report/profile_json.hpp"
#include "sigprop/profile/quantities.hpp"
#include "sigprop/report/report.hpp"

namespace sigprop::report {
namespace {

using profile::Quantity;

Json list_json(const std::vector<Quantity>& list) {
  Json out = Json::array();
  for (const Quantity& number : list) out.push_back(quantity_json(number));
  return out;
}

/// All rows and columns of a Gram matrix, from its lower triangle.
Json gram_json(const std::vector<Quantity>& gram) {
  Json rows = Json::array();
  for (std::size_t i = 0; profile::gram_index(i, 0) < gram.size(); ++i) {
    Json row = Json::array();
    for (std::size_t j = 0; profile::gram_index(j, 0) < gram.size(); ++j)
      row.push_back(quantity_json(gram[profile::gram_index(std::max(i, j), std::min(i, j))]));
    rows.push_back(std::move(row));
  }
  return rows;
}

/// A quantity at its name, and its spread, where it has one.
void set(Json& out, std::string_view name, const Quantity& value) {
  nested(out, name) = quantity_json(value);
  if (value.spread()) nested(out, profile::spread_name(name)) = finite(*value.spread());
}

Json point_json(const profile::Point& point) {
  Json out = {{"index", point.index}, {"path", point.path}, {"layer", point.layer}};
  for (const profile::PointRow* row : profile::point_quantities_by_presence()) {
    if (const Quantity* value = row->find(point)) set(out, row->name, *value);
  }
  for (const profile::ListRow& row : profile::token_lists) {
    const std::vector<Quantity>& list = *row.find(point);
    if (list.empty()) continue;
    nested(out, row.name) = row.presence == profile::Presence::gram_list ? gram_json(list) : list_json(list);
  }
  return out;
}

Json layer_json(const profile::Layer& layer) {
  Json out = {{"layer", layer.index}, {"path", layer.path}};
  for (const profile::LayerRow& row : profile::layer_quantities) {
    if (const Quantity* value = row.find(layer)) set(out, row.name, *value);
  }
  out["weights"] = Json::object();
  for (const profile::Weight& weight : layer.weights) {
    Json& json = out["weights"][weight.name];
    json["std"] = weight.std;
    for (const profile::WeightRow& row : profile::weight_quantities) {
      const Quantity* value = row.find(weight);
      if (value == nullptr) continue;
      json[std::string(row.name)] = quantity_json(*value);
      if (value->spread()) json["spread"] = finite(*value->spread());
    }
  }
  return out;
}

Json optional(const std::optional<double>& x) {
  return x ? Json(*x) : Json(nullptr);
}

Json ratios_json(const profile::Ratios& ratios) {
  return {{"log10_first_over_input", optional(ratios.log10_first_over_input)},
          {"log10_last_over_first", optional(ratios.log10_last_over_first)},
          {"largest_step", optional(ratios.largest_step)},
          {"smallest_step", optional(ratios.smallest_step)}};
}

Json summary_json(const profile::Summary& summary) {
  Json verdicts = Json::array();
  for (const profile::Verdict& verdict : summary.verdicts) {
    verdicts.push_back({{"name", verdict.name},
                        {"path", verdict.path},
                        {"value", quantity_json(verdict.value)},
                        {"threshold", verdict.threshold}});
  }
  return {{"forward_law", summary.forward_law},
          {"forward_rate", summary.forward_rate},
          {"backward_law", summary.backward_law},
          {"backward_rate", summary.backward_rate},
          {"forward_ratios", ratios_json(summary.forward_ratios)},
          {"backward_ratios", ratios_json(summary.backward_ratios)},
          {"verdicts", verdicts}};
}

/// One element a line, so that a long list neither fills memory nor one line.
template <class List, class ToJson>
void write_list(std::ostream& out, const List& list, ToJson&& to_json) {
  out << "[";
  bool first = true;
  for (const auto& item : list) {
    out << (first ? "\n    " : ",\n    ") << text(to_json(item));
    first = false;
  }
  out << (first ? "]" : "\n  ]");
}

/// To six digits: a spread has no more.
Json rounded(double x) {
  return x == 0 ? Json(0.0) : Json(std::strtod(digits(x, 6).c_str(), nullptr));
}

void write_covariance(std::ostream& out, const profile::Profile& profile,
                      const std::vector<profile::DeviationRow>& rows) {
  out << ",\n  \"covariance\": {\n    \"places\": ";
  write_list(out, rows, [&](const profile::DeviationRow& row) -> Json {
    const profile::Spot& spot = row.spot;
    return {{"path", spot.of_layer ? profile.layers[spot.index].path : profile.points[spot.index].path},
            {"quantity", spot.quantity}};
  });
  out << ",\n    \"matrix\": ";
  write_list(out, rows, [&](const profile::DeviationRow& a) {
    Json line = Json::array();
    for (const profile::DeviationRow& b : rows) {
      const auto common = static_cast<std::ptrdiff_t>(std::min(a.row.size(), b.row.size()));
      line.push_back(rounded(std::inner_product(a.row.begin(), a.row.begin() + common, b.row.begin(), 0.0)));
    }
    return line;
  });
  out << "\n  }";
}

}  // namespace

void write_profile(std::ostream& out, const profile::Profile& profile) {
  out << "\"points\": ";
  write_list(out, profile.points, point_json);
  out << ",\n  \"layers\": ";
  write_list(out, profile.layers, layer_json);
  out << ",\n  \"summary\": " << text(summary_json(profile.summary));
}

void write_json(std::ostream& out, const profile::Profile& profile, const Provenance& provenance,
                const std::vector<profile::DeviationRow>& rows) {
  out << "{\n  \"sigprop\": \"" << SIGPROP_VERSION << "\",\n  \"command\": " << text(provenance.command)
      << ",\n  \"name\": " << text(profile.name);
  if (!profile.theory.empty()) out << ",\n  \"theory\": " << text(profile.theory);
  if (!profile.prefix.empty()) out << ",\n  \"prefix\": " << text(profile.prefix);
  if (profile.sequences > 0) {
    out << ",\n  \"sequences\": " << profile.sequences
        << ",\n  \"sequence_scatter\": " << text(profile.sequence_scatter);
  }
  if (!profile.gram_tokens.empty()) out << ",\n  \"gram_tokens\": " << text(profile.gram_tokens);
  out << ",\n  \"settings\": " << text(settings_json(provenance)) << ",\n  \"warnings\": " << text(profile.warnings)
      << ",\n  ";
  write_profile(out, profile);
  if (!rows.empty()) write_covariance(out, profile, rows);
  out << "\n}\n";
}

}  // namespace sigprop::report
