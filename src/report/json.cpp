// SPDX-License-Identifier: Apache-2.0
#include "report/json_value.hpp"
#include "report/profile_json.hpp"
#include "sigprop/report/report.hpp"

namespace sigprop::report {
namespace {

using profile::Quantity;

void add(Json& out, const char* name, const std::optional<Quantity>& q) {
  if (q) out[name] = quantity_json(*q);
}

void add(Json& out, const char* first, const char* last, const std::optional<profile::Ends>& ends) {
  if (!ends) return;
  out[first] = quantity_json(ends->first);
  out[last] = quantity_json(ends->last);
}

void add(Json& out, const char* name, const std::vector<Quantity>& tokens) {
  if (tokens.empty()) return;
  Json& list = out["tokens"][name] = Json::array();
  for (const Quantity& token : tokens) list.push_back(quantity_json(token));
}

/// All rows and columns, of the lower triangle.
void add_gram(Json& out, const std::vector<Quantity>& gram) {
  if (gram.empty()) return;
  Json& rows = out["gram"] = Json::array();
  for (std::size_t i = 0; profile::gram_place(i, 0) < gram.size(); ++i) {
    Json row = Json::array();
    for (std::size_t j = 0; profile::gram_place(j, 0) < gram.size(); ++j)
      row.push_back(quantity_json(gram[profile::gram_place(std::max(i, j), std::min(i, j))]));
    rows.push_back(std::move(row));
  }
}

Json point_json(const profile::Point& point) {
  const profile::Forward& f = point.forward;
  const profile::Backward& b = point.backward;
  Json forward = {{"mean", quantity_json(f.mean)},
                  {"variance", quantity_json(f.variance)},
                  {"second_moment", quantity_json(f.second_moment)},
                  {"token_dot", quantity_json(f.token_dot)},
                  {"token_correlation", quantity_json(f.token_correlation)},
                  {"rank_residual", quantity_json(f.rank_residual)}};
  add(forward, "effective_rank", f.effective_rank);
  add(forward, "cross_dot", f.cross_dot);
  add(forward, "first_second_moment", "last_second_moment", f.ends);
  add(forward, "second_moment", f.tokens);
  add_gram(forward, f.gram);
  Json backward = {{"variance", quantity_json(b.variance)},
                   {"token_dot", quantity_json(b.token_dot)},
                   {"token_correlation", quantity_json(b.token_correlation)},
                   {"norm", quantity_json(b.norm)}};
  add(backward, "cross_dot", b.cross_dot);
  add(backward, "first_variance", "last_variance", b.ends);
  add(backward, "variance", b.tokens);
  return {{"index", point.index},
          {"path", point.path},
          {"layer", point.layer},
          {"forward", std::move(forward)},
          {"backward", std::move(backward)}};
}

Json attention_json(const profile::AttentionMetrics& metrics) {
  Json out = {{"score_variance", quantity_json(metrics.score_variance)}};
  add(out, "entropy", metrics.entropy);
  add(out, "entropy_fraction", metrics.entropy_fraction);
  return out;
}

Json layer_json(const profile::Layer& layer) {
  Json out = {{"layer", layer.index}, {"path", layer.path}};
  if (layer.attention) out["attention"] = attention_json(*layer.attention);
  if (layer.cross_attention) out["cross_attention"] = attention_json(*layer.cross_attention);
  out["weights"] = Json::object();
  for (const profile::Weight& weight : layer.weights) {
    out["weights"][weight.name]["std"] = weight.std;
    if (weight.gradient_norm) out["weights"][weight.name]["gradient_norm"] = quantity_json(*weight.gradient_norm);
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

}  // namespace

void write_profile(std::ostream& out, const profile::Profile& profile) {
  out << "\"points\": ";
  write_list(out, profile.points, point_json);
  out << ",\n  \"layers\": ";
  write_list(out, profile.layers, layer_json);
  out << ",\n  \"summary\": " << text(summary_json(profile.summary));
}

void write_json(std::ostream& out, const profile::Profile& profile, const Provenance& provenance) {
  out << "{\n  \"sigprop\": \"" << SIGPROP_VERSION << "\",\n  \"command\": " << text(provenance.command)
      << ",\n  \"name\": " << text(profile.name);
  if (!profile.theory.empty()) out << ",\n  \"theory\": " << text(profile.theory);
  if (!profile.prefix.empty()) out << ",\n  \"prefix\": " << text(profile.prefix);
  if (!profile.gram_tokens.empty()) out << ",\n  \"gram_tokens\": " << text(profile.gram_tokens);
  out << ",\n  \"settings\": " << text(settings_json(provenance)) << ",\n  \"warnings\": " << text(profile.warnings)
      << ",\n  ";
  write_profile(out, profile);
  out << "\n}\n";
}

}  // namespace sigprop::report
