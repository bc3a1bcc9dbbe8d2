// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "sigprop/profile/quantities.hpp"

namespace sigprop::test {

/// A profile that holds every quantity of the table, each with a value of its own: the same at both
/// points, and in every element of a list.
struct FullProfile {
  profile::Profile profile;
  std::map<std::string, double> values;  ///< by name; a weight's is "weights.query.gradient_norm"
};

[[nodiscard]] inline FullProfile full_profile() {
  FullProfile out;
  double next = 100;
  const auto value = [&](const std::string& name) { return out.values[name] = ++next; };
  profile::Point point;
  point.layer = 1;
  for (const profile::PointRow& row : profile::point_quantities) row.make(point) = value(std::string(row.name));
  for (const profile::ListRow& row : profile::token_lists) {
    const std::size_t count = row.presence == profile::Presence::gram_list ? 3 : 2;
    row.make(point).assign(count, value(std::string(row.name)));
  }
  profile::Layer layer;
  layer.index = 1;
  layer.path = "layer 1";
  for (const profile::LayerRow& row : profile::layer_quantities) row.make(layer) = value(std::string(row.name));
  layer.weights = {{.name = "query", .role = profile::WeightRole::query, .std = 0.5, .gradient_norm = {}}};
  for (const profile::WeightRow& row : profile::weight_quantities)
    row.make(layer.weights[0]) = value(name_of(row, "query"));
  out.profile.theory = "full";
  out.profile.gram_tokens = {1, 2};
  for (const char* path : {"layer 1/attention", "layer 1/cross_attention"}) {
    point.path = path;
    point.index = out.profile.points.size();
    out.profile.points.push_back(point);
  }
  out.profile.layers = {layer};
  return out;
}

}  // namespace sigprop::test
