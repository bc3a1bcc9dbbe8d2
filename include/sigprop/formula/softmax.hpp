// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "sigprop/formula/domain.hpp"
#include "sigprop/formula/moments.hpp"

namespace sigprop::formula {

/// What the published softmax formulas return: variance of a softmax element and the factor on the
/// gradient's variance.
template <class T>
struct SoftmaxMoments {
  T mean;
  T variance;
  T gradient_gain;
};

/// Name     softmax_paper
/// Moments of a softmax over L scores, first published form.
///     mean 1/L    variance (e^v - 1)/L²    gradient γ_in² = γ² e^v/L²
/// Symbols  v: centred score variance, the variance times (1 - correlation).  L: number of scores.
/// Status   asymptotic in L at fixed v; at L = 300 off by .5 % (v ≤ 0.1) and without bound as v
///          grows past ln L.
/// Assumes  scores normal, independent.
/// Domain   v ≥ 0, L ≥ 1
/// Source   arXiv:2403.09635, softmax.
/// Why      e^x is log-normal and the denominator L e^{v/2} for large L.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] SoftmaxMoments<T> softmax_paper(const T& v, const T& length) {
  using std::exp;
  require_not_negative("centred score variance v", v);
  require_at_least_one("sequence length", length);
  const T y = exp(v);
  return {T(1) / length, (y - T(1)) / (length * length), y / (length * length)};
}

/// Name     softmax_paper_second
/// Moments of a softmax over L scores, second published form.
///     y = e^{vL/(L-1)}    V2 = (y - 1) y² / ((L-1) e^v + 1)²    gradient γ_in² = γ² (V2 + 1/L²)
/// Symbols  v: centred score variance.  L: number of scores.
/// Status   approximation for finite L: within 6 % at v ≤ 1 and L ≥ 300; not valid at sharp scores.
/// Assumes  scores normal, independent; the sum of the other exponentials replaced by its mean.
/// Domain   v ≥ 0, L ≥ 2
/// Source   arXiv:2403.09635, softmax.
/// Why      softmax = 1/(1 + Σ e^{x_j - x_i}), whose logarithm is close to normal.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] SoftmaxMoments<T> softmax_paper_second(const T& v, const T& length) {
  using std::exp;
  require_not_negative("centred score variance v", v);
  require_at_least_two("sequence length", length);
  const T y = exp(v * length / (length - T(1)));
  const T denominator = (length - T(1)) * exp(v) + T(1);
  const T variance = (y - T(1)) * y * y / (denominator * denominator);
  return {T(1) / length, variance, variance + T(1) / (length * length)};
}

}  // namespace sigprop::formula
