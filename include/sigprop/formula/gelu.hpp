// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "sigprop/formula/domain.hpp"
#include "sigprop/formula/moments.hpp"

namespace sigprop::formula {

/// E[gelu(x)] for x ~ N(0, variance): σ √a / √(2π), a = σ²/(1 + σ²).
template <class T>
[[nodiscard]] T gelu_mean(const T& variance) {
  using std::sqrt;
  return variance / sqrt(T(2) * scalar::pi<T>() * (T(1) + variance));
}

/// E[gelu(x) gelu(y)] for jointly normal x, y of mean 0, equal variance s = σ² and correlation r.
/// Every ratio is formed from a = s/(1 + s) and 1 - a = 1/(1 + s), and differences like 1 - |r| a
/// from the latter: s may be as large as the number type holds.
template <class T>
[[nodiscard]] T gelu_product(const T& variance, const T& r) {
  using std::asin;
  using std::sqrt;
  require_correlation("correlation r", r);
  const T& s = variance;
  const T a = s / (T(1) + s);
  const T free = T(1) / (T(1) + s);
  const T two_over_pi = T(2) / scalar::pi<T>();
  const T numerator = a * (T(1) - r * r) + free * (T(1) + r * r);  // (s (1 - r²) + 1 + r²)/(1 + s)
  const T size = r < T(0) ? T(-r) : r;
  const T root = sqrt((T(1) - size + size * free) * (T(1) + size * a));  // √((1 + s)² - r²s²)/(1 + s)
  return s / T(4) * (r + two_over_pi * r * asin(r * a) + two_over_pi * a * numerator / root);
}

/// E[gelu'(x)²] for x ~ N(0, variance).
template <class T>
[[nodiscard]] T gelu_derivative_square(const T& variance) {
  using std::acos;
  using std::sqrt;
  const T a = variance / (T(1) + variance);
  const T free = T(1) / (T(1) + variance);
  const T ratio = T(1) / (T(2) * a + free);  // (1 + σ²)/(1 + 2σ²)
  // (5σ² + 3)/(1 + 2σ²)^{3/2} = (5a + 3 free) √free ratio √ratio
  const T tail = a * (T(5) * a + T(3) * free) * sqrt(free) * ratio * sqrt(ratio);
  return T(1) / T(2) + (tail - acos(a)) / (T(2) * scalar::pi<T>());
}

/// E[gelu'(x) gelu'(y)] for jointly normal x, y of mean 0, equal variance and correlation r.
template <class T>
[[nodiscard]] T gelu_derivative_product(const T& variance, const T& r) {
  using std::acos;
  using std::sqrt;
  require_correlation("correlation r", r);
  const T a = variance / (T(1) + variance);
  const T free = T(1) / (T(1) + variance);
  const T size = r < T(0) ? T(-r) : r;
  const T base = (T(1) - size + size * free) * (T(1) + size * a);  // ((1 + σ²)² - r²σ⁴)/(1 + σ²)²
  const T left = (T(1) - r) * (T(1) + r) + r * r * free;           // 1 - r² a
  const T numerator = T(2) * a * left + T(3) * free;               // ((1 + σ²)(2σ² + 3) - 2r²σ⁴)/(1 + σ²)²
  const T tail = r * a * free * (numerator / (base * sqrt(base)));
  return T(1) / T(2) + (tail - acos(r * a)) / (T(2) * scalar::pi<T>());
}

/// What the pair moments of two tokens of variances s, s' and covariance c are made of: the
/// probability that both lie below an independent normal each, and the density there. A token of
/// variance s and its normal have 1 + s together.
template <class T>
struct GeluPair {
  T first;     ///< 1 + s
  T second;    ///< 1 + s'
  T free;      ///< s s' - c²
  T gap;       ///< (1 + s)(1 + s') - c²
  T quadrant;  ///< 1/4 + arcsin(c/√((1 + s)(1 + s')))/(2π)
  T density;   ///< 1/(2π √gap)

  GeluPair(const T& s, const T& other, const T& c)
      : first(T(1) + s), second(T(1) + other), free(without_common(s * other, c)), gap(T(1) + s + other + free) {
    using std::asin;
    using std::sqrt;
    const T two_pi = T(2) * scalar::pi<T>();
    quadrant = T(1) / T(4) + asin(c / sqrt(first * second)) / two_pi;
    density = T(1) / (two_pi * sqrt(gap));
  }

 private:
  /// s s' - c², exactly 0 for a token with itself however large s is: a remainder of rounding would
  /// exceed all else of the gap.
  [[nodiscard]] static T without_common(const T& product, const T& c) {
    if (!(product > T(0))) return T(0);
    const T share = T(1) - c * c / product;
    return share > T(0) ? T(product * share) : T(0);
  }
};

/// E[gelu(x) gelu(y)] for jointly normal x, y of mean 0, variances s, s' and covariance c:
///     c Q + F (s s' - c² + c²/(1+s) + c²/(1+s')),  Q the quadrant, F the density of GeluPair
template <class T>
[[nodiscard]] T gelu_product(const T& variance, const T& other, const T& covariance) {
  const GeluPair<T> pair(variance, other, covariance);
  const T c2 = covariance * covariance;
  return covariance * pair.quadrant + pair.density * (pair.free + c2 / pair.first + c2 / pair.second);
}

/// E[gelu'(x) gelu'(y)] likewise: Q + c F (1/(1+s) + 1/(1+s') + 1/gap).
template <class T>
[[nodiscard]] T gelu_derivative_product(const T& variance, const T& other, const T& covariance) {
  const GeluPair<T> pair(variance, other, covariance);
  return pair.quadrant + covariance * pair.density * (T(1) / pair.first + T(1) / pair.second + T(1) / pair.gap);
}

/// Name     gelu
/// Moments of y = x Φ(x), the erf form of GELU, for a normal input of mean 0.
///     μ' = σ √a / √(2π),  a = σ²/(1 + σ²)
///     σ'² = σ²/(2π) · (π - a - arccos a + 2a √((1-a)/(1+a)))
///     κ' = σ²/4 · ( r + (2/π) r arcsin(r a) + (2/π) σ² (σ²(1-r²) + 1 + r²)/((1+σ²) √((1+σ²)² - r²σ⁴)) ) - μ'²
///     γ_in² = γ² · (1/2 + (1/2π)(-arccos a + a (5σ²+3)/(1+2σ²)^{3/2}))
///     η_in = η · (1/2 + (1/2π)(-arccos(r a) + r a ((1+σ²)(2σ²+3) - 2 r²σ⁴)/((1+σ²)² - r²σ⁴)^{3/2}))
/// Symbols  x: (B, L, D) with mean 0, variance σ², token correlation r = κ/σ²; κ×, η× by the same
///          formulas at r×.
/// Status   exact for normal x.
/// Assumes  x normal; the gradient independent of x.
/// Domain   mean 0, σ² ≥ 0, |r| ≤ 1
/// Source   arXiv:2403.09635, GeLU; the variance is κ' + μ'² at r = 1 less μ'².
/// Why      y = x P(z < x), z normal: a product of two such is a four-variate normal orthant
///          moment, which Price's theorem reduces to arcsin.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] Moments<T> gelu_forward(const Moments<T>& x) {
  require_zero_mean("gelu", x.mean);
  require_not_negative("variance", x.variance);
  const T mean = gelu_mean(x.variance);
  const T r = correlation(x.covariance, x.variance);
  const T r_cross = correlation(x.cross_covariance, x.variance);
  return {mean, gelu_product(x.variance, T(1)) - mean * mean, gelu_product(x.variance, r) - mean * mean,
          gelu_product(x.variance, r_cross) - mean * mean};
}

template <class T>
[[nodiscard]] Gradient<T> gelu_backward(const Gradient<T>& g, const Moments<T>& x) {
  require_zero_mean("gelu", x.mean);
  const T r = correlation(x.covariance, x.variance);
  const T r_cross = correlation(x.cross_covariance, x.variance);
  return {g.variance * gelu_derivative_square(x.variance), g.covariance * gelu_derivative_product(x.variance, r),
          g.cross_covariance * gelu_derivative_product(x.variance, r_cross)};
}

}  // namespace sigprop::formula
