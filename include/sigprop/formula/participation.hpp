// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/formula/attention.hpp"

namespace sigprop::formula {

/// How the features of a signal's centred tokens lie in space, and how much of them a random branch has made linearly of its input.
template <class T>
struct Anisotropy {
  T participation{};  ///< s = ‖Σ‖²/(Tr Σ)², Σ the features' covariance over the centred tokens of one network; 1/D if isotropic
  T linear{T(1)};     ///< ψ, share of the centred variance that is a linear map of the input of the branch
};

/// q - c: the variance of a token about the mean of its sequence, in a long one. Rounding may leave equal tokens below 0.
template <class T>
[[nodiscard]] T centred_variance(const Moments<T>& x) {
  return x.variance > x.covariance ? T(x.variance - x.covariance) : T(0);
}

/// A part of a centred variance as a share of all of it, in [0, 1].
template <class T>
[[nodiscard]] T share_of(const T& part, const T& all) {
  if (!(part > T(0))) return T(0);
  return part < all ? T(part / all) : T(1);
}

/// What is left of the excess over 1/n of n features where a share of the variance keeps its structure and the rest has none.
template <class T>
[[nodiscard]] T diluted(const T& participation, const T& share, const T& features) {
  const T isotropic = T(1) / features;
  return isotropic + share * share * (participation - isotropic);
}

/// Name     participation
/// Growth of the participation of the centred tokens' covariance eigenvalues with depth: an isotropic cloud of tokens becomes anisotropic.
///     linear       s ← s (1 + 1/n) + 1/n
///     activation   s ← 1/n + ψ_φ² (s - 1/n),  ψ_φ = E[φ'(x_i) φ'(x_j)] (q - c)/(q' - c');   ψ ← ψ ψ_φ
///     gate         the same,  ψ_φ = (E[φ'(a_i) φ'(a_j)] (q_a - c_a) c_b + c_φ (q_b - c_b))/(q' - c')
///     dropout      s ← 1/n + a² (s - 1/n),  a = (q - c)/(q' - c');   ψ ← ψ a
///     attention    s ← ψ_A² s + (D_n/D)² s/H + (1 + ψ_A²)/(H k)  at the heads' outputs,  ψ_A = c'_q (q - c) d w_k (T12_q + s(1-S2)²)/D;   ψ ← ψ ψ_A
///     experts      s ← 1/n + (s - 1/n)/E,   ψ ← ψ k/E
///     residual     s ← a² s_x + b² s_f + 2ab (1/n + ψ_f s_x),   ψ ← a ψ_x + b ψ_f ψ_x;   a, b the shares of the centred variance
/// Symbols  s: participation.  ψ: share of the centred variance that depends linearly on the branch's input, 1 at its beginning.  n: features.  q, c: second
///          moment and token product before, q', c' after.  H heads of width k.  c'_q = d w_q (q - c).  D: centred variance of A x, D_n that without
///          the dropout of A.  Norms leave s as it is.
/// Status   asymptotic in n. Measured in seven stacks of 6 to 16 layers, D = 192 to 320: within 3 %; in eight Post-LN layers without dropout, whose tokens
///          nearly collapse, 12 to 16 % low at the end.
/// Assumes  weights of mean 0, independent; a branch's nonlinear part isotropic.
/// Domain   0 < s ≤ 1, n ≥ 1
/// Source   our own.
/// Why      ‖W Σ Wᵀ‖² = ‖Σ‖² + (Tr Σ)²/n over (Tr Σ)² for random W. By Price's theorem features of small correlation keep E[φ'φ'] of it. The sum's
///          ‖Σ_x + Σ_f + C + Cᵀ‖² has the cross-covariance C of skip and branch, of mean 0 over the weights but with ‖C‖² = ψ_f ‖Σ_x‖² Tr Σ_f/Tr Σ_x.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] Anisotropy<T> linear_anisotropy(const Anisotropy<T>& x, const T& fan_out) {
  require_at_least_one("fan-out", fan_out);
  const T grown = x.participation * (T(1) + T(1) / fan_out) + T(1) / fan_out;
  return {grown < T(1) ? grown : T(1), x.linear};
}

/// Of a map of every feature by itself: `share` of the centred variance behind it is linear in what comes.
template <class T>
[[nodiscard]] Anisotropy<T> featurewise_anisotropy(const Anisotropy<T>& x, const T& share, const T& features) {
  require_at_least_one("features", features);
  return {diluted(x.participation, share, features), x.linear * share};
}

template <class T>
[[nodiscard]] Anisotropy<T> experts_anisotropy(const Anisotropy<T>& y, const T& features, const T& count,
                                               const T& chosen) {
  require_at_least_one("experts of a token", chosen);
  const T isotropic = T(1) / features;
  return {isotropic + (y.participation - isotropic) / count, y.linear * chosen / count};
}

/// a, b: shares of the sum's centred variance; what the two have in common, over the square root of both, squared.
template <class T>
[[nodiscard]] T sum_participation(const T& of_a, const T& a, const T& of_b, const T& b, const T& common) {
  return a * a * of_a + b * b * of_b + T(2) * a * b * common;
}

/// λx + βf(x), from the centred variances of both parts as they enter the sum. `branch.linear` is that of f by itself.
template <class T>
[[nodiscard]] Anisotropy<T> residual_anisotropy(const Anisotropy<T>& x, const T& skip_variance,
                                                const Anisotropy<T>& branch, const T& branch_variance,
                                                const T& features) {
  require_at_least_one("features", features);
  const T sum = skip_variance + branch_variance;
  if (!(sum > T(0))) return x;
  const T a = skip_variance / sum, b = branch_variance / sum;
  const T common = T(1) / features + branch.linear * x.participation;
  return {sum_participation(x.participation, a, branch.participation, b, common),
          x.linear * (a + b * branch.linear)};
}

/// At the outputs of all heads together, before the output projection; `keys` with the participation of the shape.
template <class T>
[[nodiscard]] Anisotropy<T> attention_anisotropy(const Moments<T>& rows, const Anisotropy<T>& of_rows,
                                                 const Moments<T>& keys, const AttentionShape<T>& shape,
                                                 const SoftmaxMeans<T>& softmax) {
  const ScoreFactors<T> factors(rows, keys, shape);
  const Moments<T> mixed = attention_mix(keys, factors, shape, softmax);
  const T all = centred_variance(mixed);
  const T features = shape.heads * shape.head_width;
  if (!(all > T(0))) return {T(1) / features, T(0)};
  const T& s2 = softmax.row.squares;
  const T dropped = all - s2 * keys.second_moment() * shape.dropout / (T(1) - shape.dropout);
  const T leak = (T(1) - s2) * (T(1) - s2) * shape.participation;
  const T query = shape.width * shape.query_weight * factors.query_scale * centred_variance(rows);
  const T gain = shape.score_gain * factors.key_gain * centred_variance(keys);
  const T by_query =
      query * gain * (factors.paired_spread * softmax.pair.query_jacobian + factors.paired_shared * leak);
  const T linear = share_of(by_query, all), own = share_of(dropped, all);
  const T participation = linear * linear * of_rows.participation + own * own * shape.participation / shape.heads +
                          (T(1) + linear * linear) / features;
  return {participation, of_rows.linear * linear};
}

/// Of two lists side by side.
template <class T>
[[nodiscard]] Anisotropy<T> parallel_anisotropy(const Anisotropy<T>& x, const T& x_variance, const Anisotropy<T>& y,
                                                const T& y_variance, const T& features) {
  require_at_least_one("features", features);
  const T sum = x_variance + y_variance;
  if (!(sum > T(0))) return x;
  const T a = x_variance / sum, b = y_variance / sum;
  return {sum_participation(x.participation, a, y.participation, b, T(T(1) / features)), a * x.linear + b * y.linear};
}

}  // namespace sigprop::formula
