// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "sigprop/formula/domain.hpp"
#include "sigprop/formula/moments.hpp"

namespace sigprop::formula {

/// Covariance of relu(x), relu(y) for jointly normal x, y of mean 0, equal variance and correlation
/// r.
template <class T>
[[nodiscard]] T relu_covariance(const T& variance, const T& r) {
  using std::acos;
  using std::sqrt;
  require_correlation("correlation r", r);
  const T pi = scalar::pi<T>();
  return variance / (T(2) * pi) * (pi * r + sqrt(T(1) - r * r) - r * acos(r) - T(1));
}

/// E[relu(x) relu(y)] for jointly normal x, y of mean 0; `variance` is √(Var[x] Var[y]).
template <class T>
[[nodiscard]] T relu_product(const T& variance, const T& r) {
  return relu_covariance(variance, r) + variance / (T(2) * scalar::pi<T>());
}

/// E[relu'(x) relu'(y)], the probability that both are positive.
template <class T>
[[nodiscard]] T relu_derivative_product(const T& r) {
  using std::asin;
  require_correlation("correlation r", r);
  return T(1) / T(4) + asin(r) / (T(2) * scalar::pi<T>());
}

/// E[φ(x) φ(y)] for φ(x) = x above 0 and slope · x below, jointly normal x, y of mean 0 and
/// correlation r; `variance` is √(Var[x] Var[y]).
template <class T>
[[nodiscard]] T leaky_relu_product(const T& slope, const T& variance, const T& r) {
  return slope * r * variance + (T(1) - slope) * (T(1) - slope) * relu_product(variance, r);
}

/// E[φ'(x) φ'(y)] likewise.
template <class T>
[[nodiscard]] T leaky_relu_derivative_product(const T& slope, const T& r) {
  return slope + (T(1) - slope) * (T(1) - slope) * relu_derivative_product(r);
}

/// E[relu(x)² relu(y)²] for jointly normal x, y of mean 0 and correlation r; `variance` is √(Var[x]
/// Var[y]).
template <class T>
[[nodiscard]] T squared_relu_product(const T& variance, const T& r) {
  using std::acos;
  using std::sqrt;
  require_correlation("correlation r", r);
  const T pi = scalar::pi<T>();
  return variance * variance / (T(2) * pi) * (T(3) * r * sqrt(T(1) - r * r) + (pi - acos(r)) * (T(1) + T(2) * r * r));
}

/// Name     relu
/// Moments of y = max(x, 0) for a normal input of mean 0.
///     μ' = σ/√(2π)    σ'² = σ² (π - 1)/(2π)    κ' = σ²/(2π) · (π r + √(1 - r²) - r arccos r - 1)
///     γ_in² = γ²/2    η_in = η (1/4 + arcsin(r)/(2π))
/// Symbols  x: (B, L, D) with mean 0, variance σ², token correlation r = κ/σ²; κ×, η× by the same
///          formula at r× = κ×/σ².
/// Status   exact for normal x.
/// Assumes  x normal; the gradient independent of x.
/// Domain   mean 0, σ² ≥ 0, |r| ≤ 1
/// Source   arXiv:2403.09635, ReLU; the arc-cosine kernel of degree 1 (Cho and Saul 2009).
/// Why      E[max(x,0)²] = σ²/2 and E[max(x,0)] = σ/√(2π); for a pair the quadrant integral of x y.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] Moments<T> relu_forward(const Moments<T>& x) {
  using std::sqrt;
  require_zero_mean("relu", x.mean);
  require_not_negative("variance", x.variance);
  const T pi = scalar::pi<T>();
  return {sqrt(x.variance / (T(2) * pi)), x.variance * (pi - T(1)) / (T(2) * pi),
          relu_covariance(x.variance, correlation(x.covariance, x.variance)),
          relu_covariance(x.variance, correlation(x.cross_covariance, x.variance))};
}

template <class T>
[[nodiscard]] Gradient<T> relu_backward(const Gradient<T>& g, const Moments<T>& x) {
  require_zero_mean("relu", x.mean);
  return {g.variance / T(2), g.covariance * relu_derivative_product(correlation(x.covariance, x.variance)),
          g.cross_covariance * relu_derivative_product(correlation(x.cross_covariance, x.variance))};
}

}  // namespace sigprop::formula
