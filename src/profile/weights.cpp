// SPDX-License-Identifier: Apache-2.0
#include "sigprop/profile/weights.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace sigprop::profile {

const Weight* find_weight(const Layer& layer, std::string_view name) {
  for (const Weight& weight : layer.weights) {
    if (weight.name == name) return &weight;
  }
  return nullptr;
}

std::optional<Quantity> gradient_norm_of_all(const Layer& layer) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const Weight& weight : layer.weights) {
    if (!weight.gradient_norm) return std::nullopt;
    largest = std::max(largest, weight.gradient_norm->log10);
  }
  if (!std::isfinite(largest)) return Quantity{};
  double sum = 0;
  for (const Weight& weight : layer.weights) sum += std::pow(10.0, 2 * (weight.gradient_norm->log10 - largest));
  const double log10_norm = largest + std::log10(sum) / 2;
  Quantity out(std::pow(10.0, log10_norm), log10_norm);
  for (const Weight& weight : layer.weights) {
    const Quantity& norm = *weight.gradient_norm;
    out.slopes.resize(norm.slopes.size());
    const double share = std::pow(10.0, 2 * (norm.log10 - log10_norm));
    for (std::size_t i = 0; i < norm.slopes.size(); ++i) out.slopes[i] += share * norm.slopes[i];
  }
  return out;
}

std::vector<std::string> weight_names(const Profile& profile) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const Layer& layer : profile.layers) {
    for (const Weight& weight : layer.weights) {
      if (seen.insert(weight.name).second) names.push_back(weight.name);
    }
  }
  return names;
}

}  // namespace sigprop::profile
