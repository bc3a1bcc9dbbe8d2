// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/formula/attention.hpp"
#include "sigprop/formula/experts.hpp"

namespace sigprop::formula {

/// How the features of a signal's centred tokens lie in space, and how much of them a random branch
/// has made linearly of its input.
template <class T>
struct Anisotropy {
  T participation{};  ///< s = ‖Σ‖²/(Tr Σ)², Σ the features' covariance over the centred tokens of one network; 1/D if isotropic
  T linear{T(1)};  ///< ψ, share of the centred variance that is a linear map of the input of the branch
};

/// What is left of the excess over 1/n of n features where a share of the variance keeps its
/// structure and the rest has none.
template <class T>
[[nodiscard]] T diluted(const T& participation, const T& share, const T& features) {
  const T isotropic = T(1) / features;
  return isotropic + share * share * (participation - isotropic);
}

/// Name     participation
/// Growth of the participation of the centred tokens' covariance eigenvalues with depth: an
/// isotropic cloud of tokens becomes anisotropic.
///     linear       s ← s (1 + 1/n) + 1/n
///     activation   s ← 1/n + ψ_φ² (s - 1/n),  ψ_φ = E[φ'(x_i) φ'(x_j)] (q - c)/(q' - c');   ψ ← ψ ψ_φ
///     gate         the same,  ψ_φ = (E[φ'(a_i) φ'(a_j)] (q_a - c_a) c_b + c_φ (q_b - c_b))/(q' - c')
///     dropout      s ← 1/n + a² (s - 1/n),  a = (q - c)/(q' - c');   ψ ← ψ a
///     attention    s ← ψ_A² s + (D_n/D)² s/H + (1 + ψ_A²)/(H k)  at the heads' outputs,  ψ_A = c'_q g d w_k (q - c)² (T12_q + s(1-S2)²)/D;   ψ ← ψ ψ_A
///     experts      s ← a² (1/n + (s - 1/n)/E + ψ² s_x (k-1)²/(E(E-1))) + b² ((1 + 1/n)/(E-1) + 1/n) + 2ab/n,   ψ ← ψ a k/E;   a = (q - c)/(k(q' - c')), b = 1 - a
///     parallel     s ← a² s_a + b² s_b + 2ab (1/n + ψ_a ψ_b s_x),   ψ ← a ψ_a + b ψ_b;   a, b the shares of the centred variance
///     residual     s ← a² s_x + b² s_f + 2ab (1/n + ψ_f s_x),   ψ ← a ψ_x + b ψ_f ψ_x
/// Symbols  s: participation.  ψ: share of the centred variance that depends linearly on the
///          branch's input, 1 at its beginning.  n: features.  q, c: second moment and token
///          product before, q', c' after.  H heads of width k.  c'_q = d w_q (q - c).  D: centred
///          variance of A x, D_n that without the dropout of A.  g: k · scale².  s_x: of what
///          experts, both lists or the branch read.  k experts of E.  Norms leave s as it is.
/// Status   asymptotic in n. Measured in seven stacks of 6 to 16 layers, D = 192 to 320: within 3
///          %; in eight Post-LN layers without dropout, whose tokens nearly collapse, 12 to 16 %
///          low at the end. Behind an activation what tokens have in common makes the features'
///          variances unequal, which is left out: behind ReLU at most 1/n. Heads' outputs by
///          themselves, n = 128, 512 keys, 2 and 4 heads: 9 to 23 % low at v = 0.2 and 0.7, 22 to
///          52 % at v = 2.8.
/// Assumes  weights of mean 0, independent; a branch's nonlinear part isotropic.
/// Domain   0 < s ≤ 1, n ≥ 1
/// Source   our own.
/// Why      ‖W Σ Wᵀ‖² = ‖Σ‖² + (Tr Σ)²/n over (Tr Σ)² for random W. By Price's theorem features of
///          small correlation keep E[φ'φ'] of it. The sum's ‖Σ_x + Σ_f + C + Cᵀ‖² has the
///          cross-covariance C of skip and branch, of mean 0 over the weights but with ‖C‖² = ψ_f
///          ‖Σ_x‖² Tr Σ_f/Tr Σ_x; so have two branches that read the same signal, and two experts.
///          What tokens have in common tells them apart by the experts they take: a cloud of E - 1
///          directions.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] Anisotropy<T> linear_anisotropy(const Anisotropy<T>& x, const T& fan_out) {
  require_at_least_one("fan-out", fan_out);
  const T grown = x.participation * (T(1) + T(1) / fan_out) + T(1) / fan_out;
  return {grown > T(1) ? T(1) : grown, x.linear};
}

/// Of a map of every feature by itself: `share` of the centred variance behind it is linear in what
/// comes.
template <class T>
[[nodiscard]] Anisotropy<T> featurewise_anisotropy(const Anisotropy<T>& x, const T& share, const T& features) {
  require_at_least_one("features", features);
  return {diluted(x.participation, share, features), x.linear * share};
}

/// a, b: shares of the sum's centred variance; what the two have in common, over the square root of
/// both, squared.
template <class T>
[[nodiscard]] T sum_participation(const T& of_a, const T& a, const T& of_b, const T& b, const T& common) {
  return a * a * of_a + b * b * of_b + T(2) * a * b * common;
}

/// ψ of two maps of the same signal, of which `a` and `b` say how they depend on what the branch
/// began with: both shares at the signal, multiplied.
template <class T>
[[nodiscard]] T common_linear(const Anisotropy<T>& x, const T& a, const T& b) {
  return x.linear > T(0) ? T(a * b / (x.linear * x.linear)) : T(0);
}

/// The mean of the `chosen` experts of a token, out of `count` that read x. y: one expert's output.
template <class T>
[[nodiscard]] Anisotropy<T> experts_anisotropy(const Anisotropy<T>& x, const Anisotropy<T>& of_y, const Moments<T>& y,
                                               const T& features, const T& count, const T& chosen) {
  require_at_least_one("features", features);
  const T all = centred_variance(experts_forward(y, count, chosen));
  if (!(all > T(0) && count > T(1))) return of_y;
  const T isotropic = T(1) / features, others = count - T(1);
  const T a = share_of(T(centred_variance(y) / chosen), all), b = T(1) - a;  // b: common, made different by choice
  const T both = (chosen - T(1)) * (chosen - T(1)) / (count * others);
  const T own = isotropic + (of_y.participation - isotropic) / count +
                common_linear(x, of_y.linear, of_y.linear) * x.participation * both;
  const T choice = linear_anisotropy<T>({T(1) / others, T(0)}, features).participation;
  return {sum_participation(own, a, choice, b, isotropic), of_y.linear * a * chosen / count};
}

/// λx + βf(x), from the centred variances of both parts as they enter the sum. `branch.linear` is
/// that of f by itself.
template <class T>
[[nodiscard]] Anisotropy<T> residual_anisotropy(const Anisotropy<T>& x, const T& skip_variance,
                                                const Anisotropy<T>& branch, const T& branch_variance,
                                                const T& features) {
  require_at_least_one("features", features);
  const T sum = skip_variance + branch_variance;
  if (!(sum > T(0))) return x;
  const T a = share_of(skip_variance, sum), b = T(1) - a;
  const T common = T(1) / features + branch.linear * x.participation;
  return {sum_participation(x.participation, a, branch.participation, b, common), x.linear * (a + b * branch.linear)};
}

/// At the outputs of all heads together, before the output projection; `keys` with the
/// participation of the shape.
template <class T>
[[nodiscard]] Anisotropy<T> attention_anisotropy(const Moments<T>& rows, const Anisotropy<T>& of_rows,
                                                 const Moments<T>& keys, const AttentionShape<T>& shape,
                                                 const SoftmaxMeans<T>& softmax) {
  const AttentionRows<T, Gradient<T>, T> of_row = attention_rows(rows, shape, softmax);
  const KeyFactors<T> factors(keys, shape);
  const Moments<T> mixed = signal_of(attention_mix(keys, of_row, factors, shape));
  const T all = centred_variance(mixed);
  const T features = shape.heads * shape.head_width;
  if (!(all > T(0))) return {T(1) / features, T(0)};
  const T& s2 = softmax.row.squares;
  const T dropped = all - s2 * keys.second_moment() * shape.dropout / (T(1) - shape.dropout);
  const T leak = (T(1) - s2) * (T(1) - s2) * shape.participation;
  const Gradient<T> centred{shape.width * shape.query_weight * centred_variance(rows), T(0), T(0)};
  const T query = own(of_row.queries.before_norm(centred));
  const T gain = shape.score_gain * factors.gain * centred_variance(keys);
  const T by_query =
      query * gain * (factors.paired_spread * softmax.pair.query_jacobian + factors.paired_shared * leak);
  const T linear = share_of(by_query, all), undropped = share_of(dropped, all);
  const T participation = linear * linear * of_rows.participation +
                          undropped * undropped * shape.participation / shape.heads +
                          (T(1) + linear * linear) / features;
  return {participation, of_rows.linear * linear};
}

/// Of two lists side by side that read x.
template <class T>
[[nodiscard]] Anisotropy<T> parallel_anisotropy(const Anisotropy<T>& x, const Anisotropy<T>& of_a, const T& a_variance,
                                                const Anisotropy<T>& of_b, const T& b_variance, const T& features) {
  require_at_least_one("features", features);
  const T sum = a_variance + b_variance;
  if (!(sum > T(0))) return of_a;
  const T a = share_of(a_variance, sum), b = T(1) - a;
  const T common = T(1) / features + common_linear(x, of_a.linear, of_b.linear) * x.participation;
  return {sum_participation(of_a.participation, a, of_b.participation, b, common), a * of_a.linear + b * of_b.linear};
}

}  // namespace sigprop::formula
