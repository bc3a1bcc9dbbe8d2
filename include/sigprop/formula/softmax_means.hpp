// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>

#include "sigprop/formula/gauss_rule.hpp"
#include "sigprop/formula/moments.hpp"
#include "sigprop/formula/softmax_leak.hpp"
#include "sigprop/formula/softmax_pair.hpp"
#include "sigprop/formula/softmax_row.hpp"

namespace sigprop::formula {

/// Row functionals averaged over the fluctuation of |q_i|² at head width k.
template <class T>
struct RowMeans {
  T squares;         ///< S2
  T query_jacobian;  ///< T_q: what the query path sees
  T key_jacobian;    ///< T_k: what the key path sees
  T entropy;         ///< nats
  T leak;            ///< λ: leak_share of softmax_leak
};

/// Pair functionals averaged over the fluctuation of q_i·q_i' at head width k.
template <class T>
struct PairMeans {
  T overlap;         ///< P
  T query_jacobian;  ///< T12_q
  T key_jacobian;    ///< E[ρ̂ T12], that is ρ T12_k: finite at ρ = 0
};

/// Name     softmax_row_head_width
/// Row functionals of a head of finite width: |q|² fluctuates by χ²_k/k.
///     S2 = E[S2(vξ)]    T_q = E[(1 - 1/k) T(vξ) + T_x(vξ)/k]    T_k = E[ξ T(vξ)],  ξ ~ χ²_k/k
///     λ = E[ξ Λ(vξ)]/(1 - S2)²
/// Symbols  v: centred score variance.  n: number of keys.  k: head width.  Λ: softmax_leak.
/// Status   exact in the fluctuation of |q|² (4 Gauss–Laguerre nodes: error below 1e-3 for k ≥ 16,
///          3e-3 for k = 8, at v ≤ 16; of λ 0.01 absolute); keys' own fluctuation is left out.
/// Assumes  queries and keys normal, independent.
/// Domain   v ≥ 0, n ≥ 1, k ≥ 1
/// Source   our own.
/// Why      given q the scores of its row are normal with variance v|q|²/k; the query gradient is
///          measured along and across q, the key gradient is weighted by |q|².
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] RowMeans<T> softmax_row_means(const T& v, const T& keys, const T& head_width) {
  require_not_negative("score variance v", v);
  require_at_least_one("head width", head_width);
  const auto rule = chi_square_rule<T, 4>(head_width);
  RowMeans<T> mean{T(0), T(0), T(0), T(0), T(0)};
  for (std::size_t i = 0; i < 4; ++i) {
    const T& xi = rule.points[i];
    const T& weight = rule.weights[i];
    const SoftmaxRow<T> row = softmax_row(T(v * xi), keys);
    mean.squares += weight * row.squares;
    mean.query_jacobian += weight * ((T(1) - T(1) / head_width) * row.jacobian + row.score_jacobian / head_width);
    mean.key_jacobian += weight * xi * row.jacobian;
    mean.entropy += weight * row.entropy;
    mean.leak += weight * xi * softmax_leak(T(v * xi), keys);
  }
  mean.leak = leak_share(mean.leak, mean.squares);
  return mean;
}

/// Calls add(node, weight) for the Gauss–Hermite nodes of a standard normal number that a head
/// width allows.
template <class T, class Add>
void over_normal_nodes(const T& head_width, const Add& add) {
  const double k = scalar::value_of(head_width);
  if (k > 6) {
    for (const double sign : {-1.0, 1.0}) add(sign * std::sqrt(3.0), 1.0 / 6);
    add(0, 2.0 / 3);
  } else if (k > 2) {
    for (const double sign : {-1.0, 1.0}) add(sign, 0.5);
  } else {
    add(0, 1);
  }
}

/// Name     softmax_pair_head_width
/// Pair functionals of a head of finite width: q·q' fluctuates.
///     P = E[P(vξ̂, ρ̂/ξ̂)]    T12_q = E[T12]    ρ T12_k = E[ρ̂ T12],  ρ̂ ~ N(ρ, (1 + ρ²)/k),  ξ̂ = 1 + 2ρ/(1 + ρ²)(ρ̂ - ρ)
/// Symbols  v: centred score variance.  ρ: correlation of two rows' scores.  i, j: shared keys and
///          keys.  k: head width.
/// Status   approximation: 3 Gauss–Hermite nodes for k > 6, 2 for k > 2, none below; ξ̂ by its
///          regression on ρ̂. Measured at k = 16, n = 32, v = 4: P .6 % low, T12_q 1.6 % high, ρ
///          T12_k 3.4 % low; within noise at k = 64.
/// Assumes  queries and keys normal, independent.
/// Domain   v ≥ 0, 0 ≤ ρ ≤ 1, 1 ≤ i ≤ j, k ≥ 1
/// Source   our own.
/// Why      q·q'/k has variance (1 + ρ²)/k around ρ; the nodes must keep ξ̂ > 0, which bounds their
///          number at small k.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] PairMeans<T> softmax_pair_means(const T& v, const T& rho, const T& shared, const T& keys,
                                              const T& head_width) {
  using std::sqrt;
  require_at_least_one("head width", head_width);
  PairMeans<T> mean{T(0), T(0), T(0)};
  const T spread = sqrt((T(1) + rho * rho) / head_width);
  const auto add = [&](double node, double weight) {
    const T shift = T(node) * spread;
    const T overlap = rho + shift;
    const T xi = T(1) + T(2) * rho / (T(1) + rho * rho) * shift;
    const SoftmaxPair<T> pair = softmax_pair(T(v * xi), correlation(overlap, xi), shared, keys);
    mean.overlap += T(weight) * pair.overlap;
    mean.query_jacobian += T(weight) * pair.jacobian;
    mean.key_jacobian += T(weight) * overlap * pair.jacobian;
  };
  over_normal_nodes(head_width, add);
  return mean;
}

/// Name     softmax_row_normalized
/// Row functionals of a head whose queries and keys pass a norm.
///     S2 = S2(v)    T_q = T_k = (1 - 1/k) T(v)    λ = Λ(v)/(1 - S2)²
/// Symbols  v: centred score variance.  n: number of keys.  k: head width.  Λ: softmax_leak.
/// Status   asymptotic in k.
/// Assumes  keys isotropic.
/// Domain   v ≥ 0, n ≥ 1, k ≥ 1
/// Source   our own.
/// Why      |q|² = k does not fluctuate, and the norm's Jacobian takes away the part along q, one
///          of k directions.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] RowMeans<T> softmax_row_normalized(const T& v, const T& keys, const T& head_width) {
  require_at_least_one("head width", head_width);
  const SoftmaxRow<T> row = softmax_row(v, keys);
  const T across = (T(1) - T(1) / head_width) * row.jacobian;
  return {row.squares, across, across, row.entropy, leak_share(softmax_leak(v, keys), row.squares)};
}

/// Name     softmax_pair_normalized
/// Pair functionals of a head whose queries and keys pass a norm.
///     P = E[P(v, ρ̂)]    T12_q = (1 - 1/k) E[T12]    ρ T12_k = (1 - 1/k) E[ρ̂ T12],  ρ̂ ~ N(ρ, (1 - ρ²)²/k)
/// Symbols  v: centred score variance.  ρ: correlation of two rows' scores.  i, j: shared keys and
///          keys.  k: head width.
/// Status   asymptotic in k (3 Gauss–Hermite nodes for k > 6, 2 for k > 2).
/// Assumes  keys isotropic.
/// Domain   v ≥ 0, 0 ≤ ρ ≤ 1, 1 ≤ i ≤ j, k ≥ 1
/// Source   our own.
/// Why      the cosine of two normal vectors of k features has variance (1 - ρ²)²/k around ρ.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] PairMeans<T> softmax_pair_normalized(const T& v, const T& rho, const T& shared, const T& keys,
                                                   const T& head_width) {
  using std::sqrt;
  require_at_least_one("head width", head_width);
  const T spread = (T(1) - rho * rho) / sqrt(head_width);
  const T across = T(1) - T(1) / head_width;
  PairMeans<T> mean{T(0), T(0), T(0)};
  over_normal_nodes(head_width, [&](double node, double weight) {
    const T cosine = correlation(T(rho + T(node) * spread), T(1));
    const SoftmaxPair<T> pair = softmax_pair(v, cosine, shared, keys);
    mean.overlap += T(weight) * pair.overlap;
    mean.query_jacobian += T(weight) * across * pair.jacobian;
    mean.key_jacobian += T(weight) * across * cosine * pair.jacobian;
  });
  return mean;
}

}  // namespace sigprop::formula
