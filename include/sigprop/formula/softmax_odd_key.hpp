// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
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

/// A key's score, x ~ N(0, variance), on the nodes of a trapezoid rule of that step.
template <class T>
class KeyScore {
 public:
  KeyScore(const T& variance, double step) {
    using std::exp;
    using std::sqrt;
    constexpr double reach = 7.2;
    const T sd = scalar::value_of(variance) > 0 ? T(sqrt(variance)) : T(0);
    deviation_ = scalar::value_of(sd);
    for (const NormalPoint& point : trapezoid_normal(deviation_, step, reach)) {
      weights_.push_back(point.weight);
      exponentials_.push_back(exp(sd * T(point.z)));
    }
  }

  [[nodiscard]] double deviation() const { return deviation_; }

  /// ln E[e^{-t eˣ}]; -∞ where that underflows.
  [[nodiscard]] T log_survival(double t) const {
    using std::exp;
    using std::log;
    constexpr double underflow = 1e-300;  // of what a logarithm, and its derivative, can be taken
    T sum(0);
    over(t, [&](const T& weight, const T& y) { sum += weight * exp(-y); });
    return scalar::value_of(sum) < underflow ? T(-std::numeric_limits<double>::infinity()) : T(log(sum));
  }

  /// E[y e^{-y}] and E[y² e^{-y}], y = t eˣ.
  [[nodiscard]] OddKey<T> kernels(double t) const {
    using std::exp;
    OddKey<T> sum{T(0), T(0)};
    over(t, [&](const T& weight, const T& y) {
      const T kernel = weight * exp(-y) * y;
      sum.share += kernel;
      sum.square += kernel * y;
    });
    return sum;
  }

 private:
  template <class Add>
  void over(double t, const Add& add) const {
    for (std::size_t k = 0; k < weights_.size(); ++k) {
      const T y = T(t) * exponentials_[k];
      if (scalar::value_of(y) > largest_exponent) return;  // scores ascend
      add(T(weights_[k]), y);
    }
  }

  std::vector<double> weights_;
  std::vector<T> exponentials_;
  double deviation_ = 0;
};

/// The integrals of softmax_odd_key over t = e^(index · step), index descending, from
/// KeyScore::log_survival of one of the other keys and KeyScore::kernels of the odd one at an
/// index. deviation: the larger of both scores'. centre: below it the integrands only fall.
template <class T, class LogSurvival, class Kernels>
[[nodiscard]] OddKey<T> odd_key_integrals(const T& keys, double deviation, double centre, double step,
                                          const LogSurvival& log_survival, const Kernels& kernels) {
  using std::exp;
  constexpr double reach = 7.2, negligible = 1e-8;
  OddKey<T> sum{T(0), T(0)};
  for (int index = static_cast<int>(std::ceil((4 + reach * deviation) / step));; --index) {
    const T exponent = (keys - T(1)) * log_survival(index);
    if (!(scalar::value_of(exponent) > -largest_exponent)) continue;
    const OddKey<T> kernel = kernels(index);
    const T power = exp(exponent), share = kernel.share * power;
    sum.share += share;
    sum.square += kernel.square * power;
    const bool tail = scalar::value_of(share) < negligible * scalar::value_of(sum.share);
    if (index * step < centre && tail) break;
  }
  return {T(step) * sum.share, T(step) * sum.square};
}

/// The centre of these integrands.
template <class T>
[[nodiscard]] double odd_key_centre(const T& v, const T& keys, double own_deviation) {
  constexpr double reach = 7.2;
  const double own = -own_deviation * std::min(own_deviation, reach);  // no node of the odd key's scores lies beyond
  return std::min(laplace_centre(scalar::value_of(v), scalar::value_of(keys)), own);
}

inline constexpr double odd_key_step = 0.45;

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
  require_not_negative("score variance v", v);
  require_not_negative("score variance of the odd key", own);
  require_at_least_one("number of keys", keys);
  if (scalar::value_of(keys) <= 1) return {T(1), T(1)};
  const double step = odd_key_step / refinement;
  const KeyScore<T> other(v, step), odd(own, step);
  return odd_key_integrals<T>(
      keys, std::max(other.deviation(), odd.deviation()), odd_key_centre(v, keys, odd.deviation()), step,
      [&](int index) { return other.log_survival(std::exp(index * step)); },
      [&](int index) { return odd.kernels(std::exp(index * step)); });
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
