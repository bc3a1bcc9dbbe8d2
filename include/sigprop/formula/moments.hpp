// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/scalar/scalar.hpp"

namespace sigprop::formula {

/// Moments of a signal x of shape (B, L, D), the same for every feature, averaged over weights, inputs and masks.
template <class T>
struct Moments {
  T mean{};              ///< μ = E[x]
  T variance{};          ///< σ² = Var[x]
  T covariance{};        ///< κ = Cov[x_i, x_j], tokens i ≠ j of one sequence
  T cross_covariance{};  ///< κ× = Cov[x_i, x'_j], tokens of two sequences of one batch

  [[nodiscard]] T second_moment() const { return variance + mean * mean; }      ///< q = E[x²]
  [[nodiscard]] T token_dot() const { return covariance + mean * mean; }        ///< c = E[x_i x_j], i ≠ j
  [[nodiscard]] T cross_dot() const { return cross_covariance + mean * mean; }  ///< c× = E[x_i x'_j]
};

/// Moments of a gradient g = ∂loss/∂x of shape (B, L, D); its mean is 0.
template <class T>
struct Gradient {
  T variance{};          ///< γ² = E[g²]
  T covariance{};        ///< η = E[g_i g_j], tokens i ≠ j of one sequence
  T cross_covariance{};  ///< η× = E[g_i g'_j], tokens of two sequences of one batch
};

/// Of the sum of two signals that do not correlate.
template <class T>
[[nodiscard]] Moments<T> sum(const Moments<T>& a, const Moments<T>& b) {
  return {a.mean + b.mean, a.variance + b.variance, a.covariance + b.covariance,
          a.cross_covariance + b.cross_covariance};
}

/// Of the sum of two gradients that do not correlate.
template <class T>
[[nodiscard]] Gradient<T> sum(const Gradient<T>& a, const Gradient<T>& b) {
  return {a.variance + b.variance, a.covariance + b.covariance, a.cross_covariance + b.cross_covariance};
}

/// covariance / variance held in [-1, 1]: rounding may leave a correlation of 1 an ulp above it. 0 for a signal of variance 0.
template <class T>
[[nodiscard]] T correlation(const T& covariance, const T& variance) {
  if (variance == T(0)) return T(0);
  const T r = covariance / variance;
  if (r > T(1)) return T(1);
  if (r < T(-1)) return T(-1);
  return r;
}

/// q - c: the variance of a token about the mean of its sequence, in a long one. Rounding may leave equal tokens below 0.
template <class T>
[[nodiscard]] T centred_variance(const Moments<T>& x) {
  const T own = x.variance - x.covariance;
  return own >= T(0) ? own : T(0);
}

/// A part of something that is not negative as a share of all of it, in [0, 1].
template <class T>
[[nodiscard]] T share_of(const T& part, const T& all) {
  if (!(part > T(0))) return T(0);
  const T share = part / all;
  return share <= T(1) ? share : T(1);
}

}  // namespace sigprop::formula
