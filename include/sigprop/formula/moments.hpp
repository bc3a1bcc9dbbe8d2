// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/scalar/scalar.hpp"

namespace sigprop::formula {

/// Moments of a gradient g = ∂loss/∂x of shape (B, L, D); its mean is 0. More generally, a number
/// for every kind of pair of tokens: a token with itself, two tokens of one sequence, two tokens of
/// two sequences.
template <class T>
struct Gradient {
  T variance{};          ///< γ² = E[g²]
  T covariance{};        ///< η = E[g_i g_j], tokens i ≠ j of one sequence
  T cross_covariance{};  ///< η× = E[g_i g'_j], tokens of two sequences of one batch

  friend Gradient operator+(const Gradient& a, const Gradient& b) {
    return {a.variance + b.variance, a.covariance + b.covariance, a.cross_covariance + b.cross_covariance};
  }
  friend Gradient operator/(const Gradient& g, const T& divisor) {
    return {g.variance / divisor, g.covariance / divisor, g.cross_covariance / divisor};
  }
  friend Gradient operator*(const T& factor, const Gradient& g) {
    return {factor * g.variance, factor * g.covariance, factor * g.cross_covariance};
  }
};

/// Moments of a signal x of shape (B, L, D), the same for every feature, averaged over weights,
/// inputs and masks.
template <class T>
struct Moments {
  T mean{};              ///< μ = E[x]
  T variance{};          ///< σ² = Var[x]
  T covariance{};        ///< κ = Cov[x_i, x_j], tokens i ≠ j of one sequence
  T cross_covariance{};  ///< κ× = Cov[x_i, x'_j], tokens of two sequences of one batch

  friend Moments operator+(const Moments& a, const Moments& b) {
    return {a.mean + b.mean, a.variance + b.variance, a.covariance + b.covariance,
            a.cross_covariance + b.cross_covariance};
  }

  [[nodiscard]] T second_moment() const { return variance + mean * mean; }      ///< q = E[x²]
  [[nodiscard]] T token_dot() const { return covariance + mean * mean; }        ///< c = E[x_i x_j], i ≠ j
  [[nodiscard]] T cross_dot() const { return cross_covariance + mean * mean; }  ///< c× = E[x_i x'_j]
};

// ---- a field of tokens ----------------------------------------------------------------------------------------------
//
// The formulas of most components are the same for every pair of tokens. They are written with the
// functions below, which have overloads for the fields that a signal can live on: here tokens that
// are all alike, where three numbers stand for all pairs; in predict/tokens groups of tokens, where
// matrices do. A signal has a mean for every token and a covariance for every pair; a gradient has
// pairs only.

/// Cov[x_i, x_j] of every pair.
template <class T>
[[nodiscard]] Gradient<T> covariances(const Moments<T>& x) {
  return {x.variance, x.covariance, x.cross_covariance};
}

/// E[x_i x_j] of every pair.
template <class T>
[[nodiscard]] Gradient<T> products(const Moments<T>& x) {
  return {x.second_moment(), x.token_dot(), x.cross_dot()};
}

/// The signal with these means and covariances.
template <class T>
[[nodiscard]] Moments<T> signal_of(const T& mean, const Gradient<T>& covariances) {
  return {mean, covariances.variance, covariances.covariance, covariances.cross_covariance};
}

/// The signal of mean 0 with these products.
template <class T>
[[nodiscard]] Moments<T> signal_of(const Gradient<T>& products) {
  return signal_of(T(0), products);
}

/// Every token with itself.
template <class T>
[[nodiscard]] T own(const Gradient<T>& pairs) {
  return pairs.variance;
}

/// The same pairs with other numbers for every token with itself.
template <class T>
[[nodiscard]] Gradient<T> with_own(Gradient<T> pairs, const T& own) {
  pairs.variance = own;
  return pairs;
}

/// The products of two numbers, pair by pair.
template <class T>
[[nodiscard]] Gradient<T> times(const Gradient<T>& a, const Gradient<T>& b) {
  return {a.variance * b.variance, a.covariance * b.covariance, a.cross_covariance * b.cross_covariance};
}

/// p_ij a_i a_j, with a number for every token.
template <class T>
[[nodiscard]] Gradient<T> with_factors(const Gradient<T>& pairs, const T& a) {
  return T(a * a) * pairs;
}

/// The same pairs with one number for all tokens of two sequences.
template <class T>
[[nodiscard]] Gradient<T> with_across(Gradient<T> pairs, const T& across) {
  pairs.cross_covariance = across;
  return pairs;
}

/// A number added to every pair.
template <class T>
[[nodiscard]] Gradient<T> shifted(const Gradient<T>& pairs, const T& by) {
  return {pairs.variance + by, pairs.covariance + by, pairs.cross_covariance + by};
}

/// p_ij/√(s_i s_j)
template <class T>
[[nodiscard]] Gradient<T> over_scales(const Gradient<T>& pairs, const T& scale) {
  return pairs / scale;
}

/// Σ_ij p_ij / L over the pairs of one sequence.
template <class T>
[[nodiscard]] T sum_by_token(const Gradient<T>& pairs, const T& length) {
  return pairs.variance + (length - T(1)) * pairs.covariance;
}

/// The mean over the pairs of two sequences.
template <class T>
[[nodiscard]] T mean_across(const Gradient<T>& pairs) {
  return pairs.cross_covariance;
}

/// Σ x_ij g_ij over all pairs of tokens of a batch.
template <class T>
[[nodiscard]] T sum_of_products(const Gradient<T>& x, const Gradient<T>& g, const T& batch, const T& length) {
  const T same_token = batch * length * x.variance * g.variance;
  const T same_sequence = batch * length * (length - T(1)) * x.covariance * g.covariance;
  const T other_sequence = batch * (batch - T(1)) * length * length * x.cross_covariance * g.cross_covariance;
  return same_token + same_sequence + other_sequence;
}

/// The sum of two signals, or of two gradients, that do not correlate.
template <class X>
[[nodiscard]] X sum(const X& a, const X& b) {
  return a + b;
}

/// covariance / variance held in [-1, 1]: rounding may leave a correlation of 1 an ulp above it. 0
/// for a signal of variance 0.
template <class T>
[[nodiscard]] T correlation(const T& covariance, const T& variance) {
  if (variance == T(0)) return T(0);
  T r = covariance / variance;
  if (r > T(1)) return T(1);
  if (r < T(-1)) return T(-1);
  return r;
}

/// q - c: the variance of a token about the mean of its sequence, in a long one. Rounding may leave
/// equal tokens below 0.
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
