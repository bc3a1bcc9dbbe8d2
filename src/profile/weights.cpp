// SPDX-License-Identifier: Apache-2.0
#include "sigprop/profile/weights.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "sigprop/profile/summary.hpp"

namespace sigprop::profile {

const Weight* find_weight(const Layer& layer, std::string_view name) {
  for (const Weight& weight : layer.weights) {
    if (weight.name == name) return &weight;
  }
  return nullptr;
}

namespace {

using Norms = std::vector<const Quantity*>;

bool is_zero(const Quantity& q) {
  return std::isinf(q.log10) && q.log10 < 0;
}

/// The gradient norms that the theory has.
Norms known_norms(const Layer& layer) {
  Norms out;
  for (const Weight& weight : layer.weights) {
    if (weight.gradient_norm) out.push_back(&*weight.gradient_norm);
  }
  return out;
}

/// log10 of the root of the sum of squares; -∞ where all are 0.
double log10_of(const Norms& norms) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const Quantity* norm : norms) largest = std::max(largest, norm->log10);
  if (!std::isfinite(largest)) return largest;
  double sum = 0;
  for (const Quantity* norm : norms) sum += std::pow(10.0, 2 * (norm->log10 - largest));
  return largest + std::log10(sum) / 2;
}

/// The root of the sum of squares.
Quantity together(const Norms& norms) {
  const double log10_norm = log10_of(norms);
  if (!std::isfinite(log10_norm)) return Quantity{};
  Quantity out(std::pow(10.0, log10_norm), log10_norm);
  std::optional<std::vector<double>> slopes;
  for (const Quantity* norm : norms) {
    const std::vector<double>* own = norm->slopes();
    if (is_zero(*norm) || own == nullptr) continue;  // ln 0 has no slope
    if (!slopes) slopes = std::vector<double>(own->size());
    const double share = std::pow(10.0, 2 * (norm->log10 - log10_norm));
    for (std::size_t i = 0; i < slopes->size(); ++i) (*slopes)[i] += share * (*own)[i];
  }
  if (slopes) out.set_slopes(std::move(slopes));
  return out;
}

}  // namespace

std::optional<Quantity> gradient_norm_of_all(const Layer& layer) {
  const Norms norms = known_norms(layer);
  if (norms.size() < layer.weights.size()) return std::nullopt;
  return together(norms);
}

std::optional<Quantity> gradient_fraction(const Layer& layer, const Weight& weight) {
  if (!weight.gradient_norm) return std::nullopt;
  return is_zero(*weight.gradient_norm) ? Quantity{} : ratio(*weight.gradient_norm, together(known_norms(layer)));
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
