// SPDX-License-Identifier: Apache-2.0
#include "report/weight_rows.hpp"

#include <algorithm>
#include <cmath>

#include "report/number.hpp"
#include "report/table_parts.hpp"
#include "sigprop/profile/weights.hpp"

namespace sigprop::report {
namespace {

using profile::Layer;
using profile::Quantity;

/// The gradient norm of a weight, or of all weights, of one layer.
struct Norm {
  const Layer* layer;
  Quantity value;
};

/// "7" of "layer 7", "encoder 7" of "encoder/layer 7".
std::string layer_label(const Layer& layer) {
  const std::string stack(stack_of(layer.path));
  return (stack.empty() ? "" : stack + " ") + layer.path.substr(layer.path.rfind(' ') + 1);
}

std::string with_layer(const Norm& norm) {
  return number(norm.value) + " (" + layer_label(*norm.layer) + ")";
}

WeightRow row_of(const std::string& name, const std::string& std, const std::vector<Norm>& norms) {
  WeightRow row{name, std, "", "", ""};
  if (norms.empty()) return row;
  const Quantity &first = norms.front().value, &last = norms.back().value;
  row.norm = number(first) + " .. " + number(last);
  const double log10_ratio = last.log10 - first.log10;
  if (std::isfinite(log10_ratio)) row.ratio = number(Quantity(std::pow(10.0, log10_ratio), log10_ratio));
  const auto [smallest, largest] = std::minmax_element(
      norms.begin(), norms.end(), [](const Norm& a, const Norm& b) { return a.value.log10 < b.value.log10; });
  if (norms.size() > 1) row.extremes = with_layer(*smallest) + " .. " + with_layer(*largest);
  return row;
}

}  // namespace

std::vector<WeightRow> weight_rows(const profile::Profile& profile) {
  std::vector<WeightRow> out;
  for (const std::string& name : weight_names(profile)) {
    std::vector<const profile::Weight*> weights;
    std::vector<Norm> norms;
    for (const Layer& layer : profile.layers) {
      const profile::Weight* weight = find_weight(layer, name);
      if (weight == nullptr) continue;
      weights.push_back(weight);
      if (weight->gradient_norm) norms.push_back({&layer, *weight->gradient_norm});
    }
    std::string std = number(weights.front()->std);
    if (weights.back()->std != weights.front()->std) std += " .. " + number(weights.back()->std);
    out.push_back(row_of(name, std, norms));
  }
  if (out.size() > 1) {
    std::vector<Norm> norms;
    for (const Layer& layer : profile.layers) {
      if (const auto norm = gradient_norm_of_all(layer)) norms.push_back({&layer, *norm});
    }
    out.push_back(row_of("all of a layer", "", norms));
  }
  return out;
}

}  // namespace sigprop::report
