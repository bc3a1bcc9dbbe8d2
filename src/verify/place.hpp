// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "sigprop/profile/deviations.hpp"
#include "sigprop/profile/quantities.hpp"
#include "sigprop/verify/verify.hpp"

namespace sigprop::verify {

/// A point as the model error sees it.
[[nodiscard]] inline Context context_of_point(const profile::Profile& profile, std::size_t point) {
  return {static_cast<double>(point), static_cast<double>(profile.points.size() - 1 - point),
          profile.points[point].forward.token_correlation.value};
}

/// The point before a layer's first, so that the gradient there has passed all of the layer.
[[nodiscard]] inline std::size_t point_before(const profile::Profile& profile, std::size_t layer) {
  std::size_t first = 0;
  while (first + 1 < profile.points.size() && profile.points[first].layer < profile.layers[layer].index) ++first;
  return first > 0 ? first - 1 : 0;
}

/// The gradients of weights that form scores have an error of their own.
[[nodiscard]] inline Kind error_of(const profile::WeightRow& row, profile::WeightRole role) {
  const bool of_scores = role == profile::WeightRole::query || role == profile::WeightRole::key;
  return of_scores ? Kind::score_weight : row.error;
}

}  // namespace sigprop::verify
