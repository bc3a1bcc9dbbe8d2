// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

/// Tables over the score variance v are cut into tiles [0, 1], [1, 4], [4, 16], ...: functionals of
/// the softmax are smooth in v on the first, in ln v on the others.
namespace sigprop::predict {

[[nodiscard]] inline int score_tile(double v) {
  return v <= 1 ? 0 : static_cast<int>(std::ceil(std::log(v) / std::log(4.0) - 1e-12));
}

/// Coordinate in [-1, 1] of v within its tile.
template <class T>
[[nodiscard]] T score_coordinate(const T& v, int tile) {
  using std::log;
  return tile == 0 ? T(T(2) * v - T(1)) : T(T(2) * log(v) / T(std::log(4.0)) - T(2 * tile - 1));
}

/// And back.
[[nodiscard]] inline double score_variance_at(double x, int tile) {
  return tile == 0 ? (x + 1) / 2 : std::pow(4.0, (x + 2 * tile - 1) / 2);
}

}  // namespace sigprop::predict
