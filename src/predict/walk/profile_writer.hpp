// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "predict/walk/alike_tokens.hpp"
#include "predict/walk/quantities.hpp"
#include "predict/walk/walk.hpp"
#include "sigprop/network/outline.hpp"

namespace sigprop::predict {

/// Writes the numbers of a walk into a profile.
template <class Algebra>
class ProfileWriter : public Observer {
 public:
  using Signal = typename Algebra::Signal;
  using Gradient = typename Algebra::Gradient;
  using T = typename Algebra::Number;

  ProfileWriter(const network::Outline& outline, const Algebra& algebra, profile::Profile& profile)
      : outline_(outline), algebra_(algebra), profile_(profile) {}

  void at_point(std::size_t point, const Signal& x) { profile_.points[point].forward = algebra_.profile_of(x); }
  void at_point(std::size_t point, const Gradient& g, const T& width) {
    profile_.points[point].backward = algebra_.profile_of(g, width);
  }

  [[nodiscard]] std::string point_name(std::size_t point) const {
    return point < profile_.points.size() ? profile_.points[point].path : std::string();
  }

  void at_attention(std::size_t weight, bool cross, const profile::AttentionMetrics& metrics) {
    profile::Layer& layer = profile_.layers[outline_.weight_indices[weight].layer];
    (cross ? layer.cross_attention : layer.attention) = metrics;
  }

  void at_weight(std::size_t weight, const std::optional<T>& squared_norm) {
    using std::sqrt;
    if (!squared_norm) return;
    const network::Outline::WeightIndex& place = outline_.weight_indices[weight];
    // The gradients of collapsed tokens cancel each other: then only rounding is left, of either
    // sign.
    const bool cancelled = *squared_norm < T(0);
    profile_.layers[place.layer].weights[place.index].gradient_norm =
        quantity(cancelled ? T(0) : T(sqrt(*squared_norm)));
  }

 private:
  const network::Outline& outline_;
  const Algebra& algebra_;
  profile::Profile& profile_;
};

/// The profile of a network whose tokens are all alike. Without a summary.
template <class T>
[[nodiscard]] profile::Profile profile_of_alike(const network::Lifted<T>& network, network::Outline outline,
                                                Theory theory,
                                                const std::shared_ptr<typename Functionals<T>::Tables>& tables) {
  profile::Profile result = network::blank_profile(outline);
  // The profile has its names, which take as much as the walk itself.
  outline = {.points = {}, .layers = {}, .weight_indices = std::move(outline.weight_indices)};
  AlikeAlgebra<T> algebra(network, AlikeTokens<T>(network, theory, tables));
  ProfileWriter writer(outline, algebra, result);
  walk_network(algebra, algebra, writer, writer);
  return result;
}

}  // namespace sigprop::predict
