// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cmath>
#include <set>

#include "report/csv_field.hpp"
#include "sigprop/report/report.hpp"

namespace sigprop::report {
namespace {

using profile::Quantity;

/// The shortest text that reads back as the same double; empty for what no double holds.
std::string number(double x) {
  if (!std::isfinite(x)) return "";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, x).ptr;
  return {buffer, end};
}

std::string number(const Quantity& q) {
  return q.representable() ? number(q.value) : "";
}

std::string number(const std::optional<double>& x) {
  return x ? number(*x) : "";
}

std::vector<std::string> weight_names(const profile::Profile& profile) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const profile::Layer& layer : profile.layers) {
    for (const profile::Weight& weight : layer.weights) {
      if (seen.insert(weight.name).second) names.push_back(weight.name);
    }
  }
  return names;
}

void layer_fields(std::ostream& out, const profile::Layer* layer, const std::vector<std::string>& names) {
  const auto attention = layer != nullptr ? layer->attention : std::nullopt;
  out << ',' << (attention ? number(attention->score_variance) : "") << ','
      << number(attention ? attention->entropy : std::nullopt) << ','
      << number(attention ? attention->entropy_fraction : std::nullopt);
  for (const std::string& name : names) {
    out << ',';
    if (layer == nullptr) continue;
    for (const profile::Weight& weight : layer->weights) {
      if (weight.name == name && weight.gradient_norm) out << number(*weight.gradient_norm);
    }
  }
}

}  // namespace

void write_csv(std::ostream& out, const profile::Profile& profile) {
  const std::vector<std::string> names = weight_names(profile);
  out << "index,path,layer,forward.mean,forward.variance,forward.log10_variance,forward.second_moment,forward.token_"
         "dot,"
         "forward.token_correlation,forward.rank_residual,forward.effective_rank,backward.variance,backward.log10_"
         "variance,"
         "backward.token_dot,backward.token_correlation,backward.norm,attention.score_variance,attention.entropy,"
         "attention.entropy_fraction";
  for (const std::string& name : names) out << ',' << csv_field("weights." + name + ".gradient_norm");
  out << '\n';
  for (std::size_t i = 0; i < profile.points.size(); ++i) {
    const profile::Point& point = profile.points[i];
    const profile::Forward& f = point.forward;
    const profile::Backward& b = point.backward;
    out << point.index << ',' << csv_field(point.path) << ',' << point.layer << ',' << number(f.mean) << ','
        << number(f.variance) << ',' << number(f.variance.log10) << ',' << number(f.second_moment) << ','
        << number(f.token_dot) << ',' << number(f.token_correlation) << ',' << number(f.rank_residual) << ','
        << number(f.effective_rank) << ',' << number(b.variance) << ',' << number(b.variance.log10) << ','
        << number(b.token_dot) << ',' << number(b.token_correlation) << ',' << number(b.norm);
    const bool last_of_layer = i + 1 == profile.points.size() || profile.points[i + 1].layer != point.layer;
    layer_fields(out, last_of_layer && point.layer > 0 ? &profile.layers[point.layer - 1] : nullptr, names);
    out << '\n';
  }
}

}  // namespace sigprop::report
