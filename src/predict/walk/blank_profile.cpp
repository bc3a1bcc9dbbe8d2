// SPDX-License-Identifier: Apache-2.0
#include "predict/walk/profile_writer.hpp"

namespace sigprop::predict {

profile::Profile blank_profile(const network::Outline& outline) {
  profile::Profile out;
  for (const network::Outline::Point& place : outline.points) {
    out.points.push_back({out.points.size(), place.path, place.layer, {}, {}});
  }
  for (const network::Outline::Layer& place : outline.layers) {
    profile::Layer layer;
    layer.index = out.layers.size() + 1;
    layer.path = place.path;
    for (const network::Outline::Weight& weight : place.weights) layer.weights.push_back({weight.name, weight.std, {}});
    out.layers.push_back(std::move(layer));
  }
  return out;
}

}  // namespace sigprop::predict
