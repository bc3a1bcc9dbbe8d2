// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "sigprop/report/report.hpp"

namespace sigprop::report {
namespace {

using Json = nlohmann::ordered_json;
using profile::Quantity;

Json number(const Quantity& q) {
  if (q.representable()) return q.value;
  return {{"value", nullptr}, {"log10", q.log10}};
}

Json point_json(const profile::Point& point) {
  const profile::Forward& f = point.forward;
  const profile::Backward& b = point.backward;
  return {{"index", point.index},
          {"path", point.path},
          {"layer", point.layer},
          {"forward",
           {{"mean", number(f.mean)},
            {"variance", number(f.variance)},
            {"second_moment", number(f.second_moment)},
            {"token_dot", number(f.token_dot)},
            {"token_correlation", f.token_correlation},
            {"rank_residual", f.rank_residual},
            {"effective_rank", f.effective_rank}}},
          {"backward",
           {{"variance", number(b.variance)},
            {"token_dot", number(b.token_dot)},
            {"token_correlation", b.token_correlation},
            {"norm", number(b.norm)}}}};
}

Json layer_json(const profile::Layer& layer) {
  Json out = {{"layer", layer.index}};
  if (layer.attention) {
    out["attention"]["score_variance"] = number(layer.attention->score_variance);
    if (layer.attention->entropy) out["attention"]["entropy"] = *layer.attention->entropy;
    if (layer.attention->entropy_fraction) out["attention"]["entropy_fraction"] = *layer.attention->entropy_fraction;
  }
  out["weights"] = Json::object();
  for (const profile::Weight& weight : layer.weights) {
    out["weights"][weight.name]["std"] = weight.std;
    if (weight.gradient_norm) out["weights"][weight.name]["gradient_norm"] = number(*weight.gradient_norm);
  }
  return out;
}

Json optional(const std::optional<double>& x) {
  return x ? Json(*x) : Json(nullptr);
}

Json ratios_json(const profile::Ratios& ratios) {
  return {{"log10_last_over_first", optional(ratios.log10_last_over_first)},
          {"largest_step", optional(ratios.largest_step)},
          {"smallest_step", optional(ratios.smallest_step)}};
}

Json summary_json(const profile::Summary& summary) {
  Json verdicts = Json::array();
  for (const profile::Verdict& verdict : summary.verdicts) {
    verdicts.push_back({{"name", verdict.name},
                        {"path", verdict.path},
                        {"value", number(verdict.value)},
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

std::string text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
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

}  // namespace

void write_json(std::ostream& out, const profile::Profile& profile, const Provenance& provenance) {
  Json settings = Json::object();
  for (const auto& [name, value] : provenance.settings) settings[name] = value;
  out << "{\n  \"sigprop\": \"" << SIGPROP_VERSION << "\",\n  \"command\": " << text(provenance.command)
      << ",\n  \"name\": " << text(profile.name) << ",\n  \"theory\": " << text(profile.theory)
      << ",\n  \"settings\": " << text(settings) << ",\n  \"warnings\": " << text(profile.warnings)
      << ",\n  \"points\": ";
  write_list(out, profile.points, point_json);
  out << ",\n  \"layers\": ";
  write_list(out, profile.layers, layer_json);
  out << ",\n  \"summary\": " << text(summary_json(profile.summary)) << "\n}\n";
}

}  // namespace sigprop::report
