// SPDX-License-Identifier: Apache-2.0
#include "sigprop/profile/quantities.hpp"

#include <algorithm>
#include <cmath>

namespace sigprop::profile {

std::string name_of(const WeightRow& row, std::string_view weight) {
  return "weights." + std::string(weight) + "." + std::string(row.name);
}

std::string spread_name(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  const bool of_weight = name.starts_with("weights.");
  return std::string(name.substr(0, dot)) + ".spread" + (of_weight ? "" : std::string(name.substr(dot)));
}

bool has_spread(const Profile& profile) {
  return !profile.points.empty() && profile.points.front().forward.variance.spread().has_value();
}

const std::vector<const PointRow*>& point_quantities_by_presence() {
  static const std::vector<const PointRow*> rows = [] {
    std::vector<const PointRow*> out;
    for (const PointRow& row : point_quantities) out.push_back(&row);
    std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->presence < b->presence; });
    return out;
  }();
  return rows;
}

bool has_attention_of(const Layer& layer, const LayerRow& row) {
  return row.presence == Presence::attention ? layer.attention.has_value() : layer.cross_attention.has_value();
}

bool is_finite(const Layer& layer) {
  const auto finite = [](const auto& rows, const auto& entry) {
    return std::all_of(std::begin(rows), std::end(rows), [&](const auto& row) {
      const Quantity* value = row.find(entry);
      return value == nullptr || std::isfinite(value->value);
    });
  };
  return finite(layer_quantities, layer) &&
         std::all_of(layer.weights.begin(), layer.weights.end(),
                     [&](const Weight& weight) { return finite(weight_quantities, weight); });
}

std::vector<std::vector<std::size_t>> tokens_of(const ListRow& row, const Profile& profile) {
  std::vector<std::vector<std::size_t>> out;
  if (row.presence == Presence::gram_list) {
    for (std::size_t i = 0; i < profile.gram_tokens.size(); ++i) {
      for (std::size_t j = 0; j <= i; ++j) out.push_back({profile.gram_tokens[i], profile.gram_tokens[j]});
    }
    return out;
  }
  const std::size_t count = profile.points.empty() ? 0 : row.find(profile.points.front())->size();
  for (std::size_t i = 1; i <= count; ++i) out.push_back({i});
  return out;
}

}  // namespace sigprop::profile
