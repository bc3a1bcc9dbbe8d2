// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "sigprop/scalar/scalar.hpp"

namespace sigprop::predict {

/// k-th of `count` Chebyshev points of [-1, 1].
[[nodiscard]] inline double chebyshev_point(std::size_t k, std::size_t count) {
  return std::cos(scalar::pi<double>() * (static_cast<double>(k) + 0.5) / static_cast<double>(count));
}

/// Values at the Chebyshev points, `stride` apart, replaced by the coefficients of the
/// interpolating Chebyshev sum.
template <class Node>
void to_coefficients(Node* values, std::size_t count, std::size_t stride) {
  std::vector<Node> coefficients(count, Node(0));
  for (std::size_t j = 0; j < count; ++j) {
    for (std::size_t k = 0; k < count; ++k) {
      const double angle = scalar::pi<double>() * static_cast<double>(j) * (static_cast<double>(k) + 0.5);
      coefficients[j] += values[k * stride] * Node(std::cos(angle / static_cast<double>(count)));
    }
    coefficients[j] *= Node((j == 0 ? 1.0 : 2.0) / static_cast<double>(count));
  }
  for (std::size_t j = 0; j < count; ++j) values[j * stride] = coefficients[j];
}

/// Values at the Chebyshev points, `stride` apart, replaced by the coefficients of the same sum in
/// powers; for a few points only.
inline void to_powers(double* values, std::size_t count, std::size_t stride) {
  to_coefficients(values, count, stride);
  std::vector<double> powers(count, 0), before(count, 0), now(count, 0);  // T_{j-1}, T_j
  now[0] = 1;
  for (std::size_t j = 0; j < count; ++j) {
    for (std::size_t n = 0; n < count; ++n) powers[n] += values[j * stride] * now[n];
    std::vector<double> next(count, 0);  // 2 x T_j - T_{j-1}, for j = 0 x
    for (std::size_t n = 0; n + 1 < count; ++n) next[n + 1] = (j == 0 ? 1 : 2) * now[n];
    for (std::size_t n = 0; n < count; ++n) next[n] -= before[n];
    before = now;
    now = next;
  }
  for (std::size_t n = 0; n < count; ++n) values[n * stride] = powers[n];
}

/// Clenshaw's sum Σ_j coefficient(j) T_j(x).
template <class T, class Coefficient>
[[nodiscard]] T chebyshev_sum(std::size_t count, const T& x, const Coefficient& coefficient) {
  T next(0), after(0);
  for (std::size_t j = count; j-- > 1;) {
    const T value = coefficient(j) + T(2) * x * next - after;
    after = next;
    next = value;
  }
  return coefficient(0) + x * next - after;
}

}  // namespace sigprop::predict
