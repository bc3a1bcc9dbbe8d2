// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "sigprop/formula/domain.hpp"
#include "sigprop/formula/gauss_rule.hpp"
#include "sigprop/formula/softmax_row.hpp"

namespace sigprop::formula {

/// The share of one key whose score varies by v' among n - 1 keys whose scores vary by v.
template <class T>
struct OddKey {
  T share;   ///< E[A]
  T square;  ///< E[A²]
};

/// Name     softmax_odd_key
/// First two moments of the softmax weight A of one key with a score variance of its own.
///     E[A] = ∫ E'_10 E_00^{n-1} dt    E[A²] = ∫ t E'_20 E_00^{n-1} dt
/// Symbols  v: score variance of the n - 1 other keys.  v': of this one.  E_a0(t) = E[e^{ax} e^{-t
///          eˣ}], x ~ N(0, v); E' with v'.
/// Status   exact for independent normal scores; quadrature error from v, v' = 0 to 1000 below 1e-5
///          relative, or 1e-15 absolute.
/// Assumes  scores normal and independent.
/// Domain   v, v' ≥ 0, n ≥ 1
/// Source   our own.
/// Why      1/Z^m = ∫ t^{m-1}/(m-1)! e^{-tZ} dt, one factor a key; t = e^α as in softmax_row.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] OddKey<T> softmax_odd_key(const T& v, const T& own, const T& keys, double refinement = 1) {
  using std::exp;
  using std::log;
  using std::sqrt;
  require_not_negative("score variance v", v);
  require_not_negative("score variance of the odd key", own);
  require_at_least_one("number of keys", keys);
  if (scalar::value_of(keys) <= 1) return {T(1), T(1)};
  const double step = 0.45 / refinement;
  constexpr double reach = 7.2;
  constexpr double negligible = 1e-8;
  constexpr double underflow = 1e-300;  // of what a logarithm, and its derivative, can be taken
  const auto deviation = [](const T& variance) { return scalar::value_of(variance) > 0 ? T(sqrt(variance)) : T(0); };
  const T sd = deviation(v), own_sd = deviation(own);
  const double sd_value = scalar::value_of(sd), own_value = scalar::value_of(own_sd);
  const auto exponentials = [](const T& scale, const std::vector<NormalPoint>& normal) {
    std::vector<T> out;
    for (const NormalPoint& point : normal) out.push_back(exp(scale * T(point.z)));
    return out;
  };
  const std::vector<NormalPoint> others = trapezoid_normal(sd_value, step, reach);
  const std::vector<NormalPoint> odd = trapezoid_normal(own_value, step, reach);
  const std::vector<T> other_exponentials = exponentials(sd, others), odd_exponentials = exponentials(own_sd, odd);
  const double own_centre = -own_value * std::min(own_value, reach);  // no node of the odd key's scores lies beyond
  const double centre = std::min(laplace_centre(scalar::value_of(v), scalar::value_of(keys)), own_centre);
  const double top = 4 + reach * std::max(sd_value, own_value);
  OddKey<T> sum{T(0), T(0)};
  for (int index = 0;; ++index) {
    const double alpha = top - index * step;
    const double t = std::exp(alpha);
    T e00(0), first(0), second(0);
    for (std::size_t k = 0; k < others.size(); ++k) {
      e00 += T(others[k].weight) * exp(-T(t) * other_exponentials[k]);
    }
    if (scalar::value_of(e00) < underflow) continue;
    for (std::size_t k = 0; k < odd.size(); ++k) {
      const T y = T(t) * odd_exponentials[k];
      const T kernel = T(odd[k].weight) * exp(-y) * y;
      first += kernel;
      second += kernel * y;
    }
    const T power = exp((keys - T(1)) * log(e00));
    sum.share += first * power;
    sum.square += second * power;
    const bool tail = scalar::value_of(first * power) < negligible * scalar::value_of(sum.share);
    if (alpha < centre && tail) break;
  }
  return {T(step) * sum.share, T(step) * sum.square};
}

/// Name     softmax_odd_key_head_width
/// The same for a head of finite width: |q|² fluctuates by χ²_k/k and with it both variances.
///     E[A] = E[A(vξ, v'ξ)]    E[A²] = E[A²(vξ, v'ξ)],  ξ ~ χ²_k/k
/// Symbols  v, v', n: as softmax_odd_key.  k: head width.
/// Status   exact in the fluctuation of |q|² (4 Gauss–Laguerre nodes, as softmax_row_head_width).
/// Assumes  queries and keys normal, independent.
/// Domain   v, v' ≥ 0, n ≥ 1, k ≥ 1
/// Source   our own.
/// Why      given q the scores of its row are normal with variances in proportion to |q|².
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] OddKey<T> softmax_odd_key_means(const T& v, const T& own, const T& keys, const T& head_width) {
  require_at_least_one("head width", head_width);
  const auto rule = chi_square_rule<T, 4>(head_width);
  OddKey<T> mean{T(0), T(0)};
  for (std::size_t i = 0; i < 4; ++i) {
    const OddKey<T> key = softmax_odd_key(T(v * rule.points[i]), T(own * rule.points[i]), keys);
    mean.share += rule.weights[i] * key.share;
    mean.square += rule.weights[i] * key.square;
  }
  return mean;
}

}  // namespace sigprop::formula
