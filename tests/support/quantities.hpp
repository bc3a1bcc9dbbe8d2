// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "sigprop/profile/profile.hpp"

namespace sigprop::test {

/// What a simulation of several sequences under a causal mask measures: of every point and every
/// layer, in their order.
[[nodiscard]] inline std::vector<profile::Quantity> quantities(const profile::Profile& profile) {
  std::vector<profile::Quantity> out;
  for (const profile::Point& p : profile.points) {
    out.insert(out.end(), {p.forward.mean, p.forward.variance, p.forward.token_correlation, *p.forward.effective_rank,
                           *p.forward.cross_dot, p.forward.ends->first, p.backward.variance, p.backward.norm,
                           p.backward.ends->last});
  }
  for (const profile::Layer& layer : profile.layers) {
    out.insert(out.end(), {layer.attention->score_variance, *layer.attention->entropy});
    for (const profile::Weight& weight : layer.weights) out.push_back(*weight.gradient_norm);
  }
  return out;
}

}  // namespace sigprop::test
