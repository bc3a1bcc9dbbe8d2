// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// How a gradient's second moment depends on the size of the signal at its place.
template <class Tokens>
struct SizeResponse {
  Tokens first;   ///< ℓ₁
  Tokens second;  ///< ℓ₂
};

/// Name     size_response
/// The gradient's second moment where the size of the signal varies from token to token.
///     γ²(ε) = γ² (1 + ℓ₁ ε + ℓ₂ (ε² - τ)/2)
///     norm      ℓ₁ = -w/(1 + w² τ), ℓ₂ = 2 w²/(1 + w² τ)
///     sum       ℓ₁ ← a ℓ₁, ℓ₂ ← a² ℓ₂
///     product   γ² ← m γ², m = 1 + ℓ₁ h₁ τ;  ℓ₁ ← (ℓ₁ + h₁)/m, ℓ₂ ← (ℓ₂ + 2 ℓ₁ h₁ + h₂)/m
///     weights   E[γ²(ε) z(ε)] = γ² z (1 + ℓ₁ b τ_f)
/// Symbols  ε: relative deviation of a token's second moment from its mean, of variance τ; τ_f: of
///          the branch's output.  w: visible share under a norm's root.  a, b: shares of skip and
///          branch in the sum's second moment.  h: response of a branch by itself.  z: second
///          moment that a weight reads, of which the branch's output is a linear map.
/// Status   second order in ε.
/// Assumes  a branch's own deviation independent of that of what it reads.
/// Domain   0 ≤ w ≤ 1, 0 ≤ a ≤ 1, τ ≥ 0
/// Source   our own.
/// Why      1/(1+ε) = 1 - ε + ε² - ...; ε' = a ε + b ε_f at a sum, and the mean over ε_f leaves the
///          mean of all.
template <class Tokens, class T = Tokens>
[[nodiscard]] SizeResponse<Tokens> size_response_of_norm(const Tokens& visible, const Tokens& sizes) {
  const Tokens mean = visible * visible * sizes + T(1);
  return {T(-1) * visible / mean, T(2) * visible * visible / mean};
}

/// Of what two factors respond to, one beside the other.
template <class Tokens>
struct ProductResponse {
  Tokens mean;  ///< m
  SizeResponse<Tokens> size;
};

template <class Tokens, class T = Tokens>
[[nodiscard]] ProductResponse<Tokens> size_response_of_product(const SizeResponse<Tokens>& a,
                                                               const SizeResponse<Tokens>& b, const Tokens& sizes) {
  const Tokens both = a.first * b.first, mean = both * sizes + T(1);
  return {mean, {(a.first + b.first) / mean, (a.second + T(2) * both + b.second) / mean}};
}

}  // namespace sigprop::formula
