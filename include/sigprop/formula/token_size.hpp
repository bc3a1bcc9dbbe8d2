// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "sigprop/formula/domain.hpp"

namespace sigprop::formula {

/// Name     token_size
/// How the size of a token, its mean square over D features, varies about its mean: between
/// networks, and between sequences.
///     drawn        τ = 2 (1 - μ⁴/q²)/D
///     norm         τ' = (1-w)² τ
///     linear       τ' = τ + 2/n
///     activation   τ' = κ₄/n + (τ - 2/n),  κ₄ = E[φ⁴]/(E[φ²])² - 1
///     gate         τ' = 4 τ + (3 E[φ⁴]/(E[φ²])² - 1)/n
///     dropout      τ' = τ + 3 p/((1-p) n)
///     experts      τ' = τ/k
///     attention    τ' = 2/D + (2/(H k)) (1 + (H/G - 1) u²) + τ_words
///     sum          τ' = a² τ + b² τ_f + 4 a b/D
/// Symbols  τ: variance of a token's size over its squared mean.  n: features behind the component.
///          μ, q: mean and second moment.  w: visible share under a norm's root.  H heads of width
///          k, G of keys and values; u: share of a row's output that its mean weights make.  a, b:
///          shares of skip and branch in the sum's second moment.  k experts for a token.
/// Status   asymptotic in the features; how heads' weights vary from row to row is left out.
/// Assumes  features of a token independent given what the component reads.
/// Domain   n ≥ 1
/// Source   our own.
/// Why      the mean of n squares varies by (E[y⁴]/(E[y²])² - 1)/n. Heads that share values have
///          the same outputs as far as their weights are the same. Skip and branch have 2ab x·f/D
///          beside their own.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] T drawn_size_variance(const T& mean, const T& second_moment, const T& features) {
  require_at_least_one("features", features);
  const T common = mean * mean / second_moment;
  return T(2) * (T(1) - common * common) / features;
}

/// fourth: E[φ⁴]/(E[φ²])² of the gate's activation.
template <class Tokens, class T>
[[nodiscard]] Tokens gated_size_variance(const Tokens& read, const T& fourth, const T& features) {
  return T(4) * read + T((T(3) * fourth - T(1)) / features);
}

template <class Tokens, class T>
[[nodiscard]] Tokens activation_size_variance(const Tokens& read, const T& fourth, const T& features) {
  return read + T((fourth - T(3)) / features);
}

/// shared: u.
template <class Tokens, class T>
[[nodiscard]] Tokens attention_size_variance(const Tokens& shared, const T& heads, const T& value_heads,
                                             const T& head_width, const T& width) {
  const T of_a_head = T(2) / (heads * head_width), together = heads / value_heads - T(1);
  return T(of_a_head * together) * shared * shared + T(T(2) / width + of_a_head);
}

/// a, b: shares of both in the sum's second moment.
template <class Tokens, class T>
[[nodiscard]] Tokens sum_size_variance(const Tokens& a, const Tokens& of_a, const Tokens& b, const Tokens& of_b,
                                       const T& features) {
  return a * a * of_a + b * b * of_b + T(T(4) / features) * a * b;
}

/// Probability that two, and that three tokens of a sequence hold the same word.
template <class T>
struct SameWords {
  T two;
  T three;
};

/// Name     row_size
/// How the size of a row's output varies with the words that the row happens to average.
///     τ = 4 ω² (n-1)/n³ ((P - P²)/2 + (n-2) (P₃ - P²)) / z²
/// Symbols  τ: variance of |Σ_j A_j x_j|²/D over its squared mean.  n: number of keys in effect,
///          1/S2.  P, P₃: probability that two, that three tokens hold the same word.  ω: what two
///          tokens of one word have in common because of it, a second moment.  z: mean of
///          |Σ_j A_j x_j|²/D.
/// Status   exact for A_j = 1/n and words drawn independently.
/// Assumes  weights that do not follow words.
/// Domain   n ≥ 1, z > 0
/// Source   our own.
/// Why      the size holds Σ_jk A_j A_k ω over the pairs of equal words. Pairs without a token in
///          common are independent; of the (n-1)(n-2) n pairs of pairs with one, both are equal
///          with P₃.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] T row_size_variance(const T& words, const SameWords<T>& same, const T& keys, const T& mixed) {
  require_at_least_one("number of keys", keys);
  require_positive("row's second moment", mixed);
  const T others = keys - T(1), third = keys > T(2) ? T(keys - T(2)) : T(0);
  const T chance = same.two * same.two;
  const T pairs = (same.two - chance) / T(2) + third * (same.three - chance);
  return T(4) * words * words * others * pairs / (keys * keys * keys * mixed * mixed);
}

/// ln(1+τ)
template <class T, class Tokens>
[[nodiscard]] Tokens log_spread(const Tokens& sizes) {
  using std::log;
  return log(Tokens(sizes + T(1)));
}

/// Name     size_moments
/// What the products of tokens gain in a component because their sizes vary.
///     q' ← f q'    c' ← f c' (1 ± (1 - r²) x/(1+x))    f = (1+τ)^((p (p-1) + h)/2)
///     x = |n - p²| τ_s/4, ± the sign of n - p²
/// Symbols  τ: variance of a token's size over its squared mean; τ_s = τ - 2/D, what it varies by
///          beside its D normal features.  r: correlation of two tokens.  p, h: first and second
///          derivative of ln q' by ln q.  n: degree of c' in c.  A norm with visible share w has p
///          = 1-w, h = -w (1-w), n = 1; a gate p = n = 1 more than its activation, h = 0.
/// Status   first order in τ, bounded beyond; exact in q' for sizes whose logarithm is normal and
///          a component that is a power of them.
/// Assumes  sizes of two tokens correlate by r².
/// Domain   τ ≥ 0
/// Source   our own.
/// Why      q' at the mean size is not the mean of q': a norm with ε loses more in small tokens
///          than it gains in large ones, a gate that squares its input gains. Two tokens of
///          independent sizes have the mean of √(q'_i q'_j) instead.
template <class T, class Tokens>
struct SizeMoments {
  Tokens own;    ///< f
  Tokens apart;  ///< √(x/(1+x))
  T sign;        ///< of n - p²
};

/// √(x/(1+x)) of 4 x
template <class T, class Tokens>
[[nodiscard]] Tokens bounded_root(const Tokens& four_x) {
  using std::sqrt;
  return sqrt(Tokens(four_x / (four_x + T(4))));
}

template <class T, class Tokens>
[[nodiscard]] SizeMoments<T, Tokens> size_moments_of_norm(const Tokens& visible, const Tokens& sizes,
                                                          const Tokens& scaled) {
  using std::exp;
  const Tokens concave = visible * visible - visible, apart = T(2) * visible - visible * visible;
  return {exp(Tokens(log_spread<T>(sizes) * concave)), bounded_root<T>(Tokens(apart * scaled)), T(1)};
}

/// degree: p, at least 1.
template <class T, class Tokens>
[[nodiscard]] SizeMoments<T, Tokens> size_moments_of_gate(const Tokens& degree, const Tokens& sizes,
                                                          const Tokens& scaled) {
  using std::exp;
  const Tokens convex = degree * degree - degree;
  return {exp(Tokens(T(0.5) * log_spread<T>(sizes) * convex)), bounded_root<T>(Tokens(convex * scaled)), T(-1)};
}

/// Name     size_response
/// The gradient's second moment where the size of the signal varies from token to token.
///     γ²(ε) = γ² (1+ε)^ℓ
///     component  γ² ← m γ², m = (1+τ)^(p ℓ s);  ℓ ← p ℓ + s
///     sum        ℓ ← a ℓ for what the skip read, b ℓ for the branch's output
///     weights    E[γ²(ε) z(ε)] = γ² z (1+τ_z)^ℓ
/// Symbols  ε: relative deviation of a token's second moment from its mean, of variance τ where a
///          component reads it.  p: degree of the size of the component's output in that of its
///          input.  s: that of its squared derivative.  A linear map has p = 1, s = 0; a norm p =
///          1-w, s = -w, with w its visible share; an activation p =
///          ½ E[φ² (u²-1)]/E[φ²], u the standard normal part of what it reads, and s that of φ'².
///          a, b: shares of skip and branch in the sum's second moment.  z: second moment that a
///          weight reads, of variance τ_z.
/// Status   exact for sizes whose logarithm is normal and components that are powers of them;
///          first order in τ otherwise.
/// Assumes  what a component adds to a size's variation independent of what it reads.
/// Domain   τ ≥ 0
/// Source   our own.
/// Why      the gradient after a component follows ε by p ℓ, its derivative by s, and E[(1+ε)^α
///          (1+ε)^β] over the product of their means is (1+τ)^(α β).
template <class Tokens>
struct SizeResponse {
  Tokens mean;      ///< m
  Tokens response;  ///< ℓ
};

template <class T, class Tokens>
[[nodiscard]] SizeResponse<Tokens> size_response(const Tokens& response, const Tokens& degree, const Tokens& slope,
                                                 const Tokens& sizes) {
  using std::exp;
  const Tokens arrived = degree * response;
  return {exp(Tokens(log_spread<T>(sizes) * arrived * slope)), arrived + slope};
}

/// E[γ²(ε) z(ε)]/(γ² z): what the gradient of a weight takes from the size of what it reads.
template <class T, class Tokens>
[[nodiscard]] Tokens size_response_of_weights(const Tokens& response, const Tokens& read) {
  using std::exp;
  return exp(Tokens(log_spread<T>(read) * response));
}

}  // namespace sigprop::formula
