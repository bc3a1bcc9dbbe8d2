// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "sigprop/formula/domain.hpp"
#include "sigprop/formula/linear.hpp"
#include "sigprop/formula/moments.hpp"
#include "sigprop/formula/rotary.hpp"
#include "sigprop/formula/softmax_means.hpp"

namespace sigprop::formula {

/// Sizes and variances of multi-head attention. Numbers are of type T so that a derivative can be
/// taken by any of them.
template <class T>
struct AttentionShape {
  T length;                            ///< L, tokens
  T width;                             ///< d, input features
  T heads;                             ///< H
  T head_width;                        ///< k
  T query_weight;                      ///< w_q, variance of an element of W_q
  T key_weight;                        ///< w_k
  T value_weight;                      ///< w_v
  T bias_variance;                     ///< of the query, key and value biases
  T dropout;                           ///< p on the softmax matrix
  T score_gain;                        ///< k · scale², 1 for scores divided by √k
  T participation = T(1) / width;      ///< s of the centred tokens that keys and values are made of; 1/d if isotropic
  RotaryMeans<T> rotated{T(1), T(1)};  ///< 1 without rotary positions
  bool normalized = false;             ///< queries and keys pass a norm, of every head or of all together
  T norm_epsilon = T(0);               ///< ε of that norm

  [[nodiscard]] bool operator==(const AttentionShape&) const = default;
};

/// All softmax functionals that attention needs at one score variance.
template <class T>
struct SoftmaxMeans {
  RowMeans<T> row;
  PairMeans<T> pair;
};

template <class T>
struct ScoreMoments {
  T variance;     ///< v, of the centred scores of a row
  T correlation;  ///< ρ, of the centred scores of two rows
};

/// 1/(d w_k q + b + ε) behind a norm on keys, of whose signal q is the second moment; else 1. The
/// gradient takes it on its way back.
template <class T>
[[nodiscard]] T key_scale(const T& second_moment, const AttentionShape<T>& shape) {
  if (!shape.normalized) return T(1);
  const T key = shape.width * shape.key_weight * second_moment + shape.bias_variance + shape.norm_epsilon;
  require_positive("key second moment before its norm", key);
  return T(1) / key;
}

/// What scores are made of on the side of the keys, which are alike.
template <class T>
struct KeyFactors {
  T spread;         ///< q - c κ̄: what differs between the keys of a row
  T paired_spread;  ///< q κ̄ - c κ̄₂: the same as two rows see it; the spread without rotary positions
  T shared;         ///< (q - c) κ̄: what keys and values, reading the same tokens, have in common
  T paired_shared;  ///< (q - c) κ̄₂: the same as two rows see it
  T gain;           ///< d w_k, over q_k behind a norm: key products from those of the signal
  T scale;          ///< key_scale

  KeyFactors(const Moments<T>& keys, const AttentionShape<T>& shape) {
    const T& once = shape.rotated.once;
    const T& twice = shape.rotated.twice;
    const T own = centred_variance(keys);
    const T apart = own + (T(1) - once) * keys.token_dot();
    spread = apart >= T(0) ? apart : T(0);
    paired_spread = once * own + (once - twice) * keys.token_dot();
    shared = once * own;
    paired_shared = twice * own;
    scale = key_scale(keys.second_moment(), shape);
    gain = shape.width * shape.key_weight * scale;
  }

  /// The correlation of two rows of equal queries.
  [[nodiscard]] T row_correlation() const { return spread > T(0) ? formula::correlation(paired_spread, spread) : T(1); }
  /// By kind of pair of rows.
  [[nodiscard]] Gradient<T> spreads() const { return {spread, paired_spread, T(0)}; }
  [[nodiscard]] Gradient<T> shares() const { return {shared, paired_shared, paired_shared}; }
};

/// Query products of every pair of rows, which live on any field of tokens.
template <class T, class Pairs>
struct Queries {
  using Tokens = decltype(own(std::declval<const Pairs&>()));

  Pairs products;  ///< p_ij = d w_q E[x_i x_j] + b; behind a norm over √(size_i size_j)
  Tokens size{};   ///< p_ii + ε of every row behind a norm; else not set

  /// rows: token products of the signal that the queries are made of.
  Queries(const Pairs& rows, const AttentionShape<T>& shape)
      : products(shifted(T(shape.width * shape.query_weight) * rows, shape.bias_variance)),
        normalized_(shape.normalized) {
    if (!normalized_) return;
    size = own(products) + shape.norm_epsilon;
    require_positive("query second moment before its norm", size);
    products = over_scales(std::move(products), size);
  }

  /// The gradient before the norm, where there is one, from that behind it.
  [[nodiscard]] Pairs before_norm(Pairs gradient) const {
    return normalized_ ? over_scales(std::move(gradient), size) : gradient;
  }

 private:
  bool normalized_;
};

/// The rows of an attention over keys that are alike, on any field of tokens: their token products,
/// their queries and what the softmax makes of them.
template <class T, class Pairs, class Tokens>
struct AttentionRows {
  Pairs products;
  Queries<T, Pairs> queries;
  Pairs overlap;         ///< P, of a row with itself S2
  Pairs query_jacobian;  ///< T12_q, of a row with itself T_q
  Pairs key_jacobian;    ///< √(q_i q_j) ρ T12_k, of a row with itself q_i T_k
  Tokens focus;          ///< 1 - S2
  Tokens leak;           ///< λ
};

/// Name     attention_scores
/// Centred score variance and the correlation of two rows' scores.
///     v = q_q d w_k (q - c κ̄) · g
///     ρ = c_q/q_q · (q κ̄ - c κ̄₂)/(q - c κ̄)
///     q_q = d w_q q + b
///     c_q = d w_q c + b
/// Symbols  q, c: second moment and token product of the signal that the keys are made of; in q_q
///          and c_q of that of the queries, in self-attention the same.  b: bias variance. g: k ·
///          scale², 1 for scores divided by √k.  κ̄, κ̄₂: rotary_means, 1 without rotary positions.
///          With a norm on every head's queries and keys c_q/q_q and 1 stand for c_q and q_q, and
///          1/(d w_k q + b) of the key products, ε added to either.
/// Status   exact over random weights; asymptotic in k with a norm, an average over positions with
///          rotary ones.
/// Assumes  W_q, W_k independent, of mean 0.
/// Domain   q ≥ c ≥ 0
/// Source   our own.
/// Why      Cov(s_ij, s_i'j') = d² w_q w_k C_ii' C_jj' κ(j-j'-i+i') with C the token products;
///          parts that are constant along a row cancel in the softmax.
/// Throws   DomainError naming the argument and its value.
template <class T>
[[nodiscard]] ScoreMoments<T> attention_scores(const Moments<T>& rows, const Moments<T>& keys,
                                               const AttentionShape<T>& shape) {
  require_at_least_one("sequence length", shape.length);
  require_at_least_one("width", shape.width);
  require_at_least_one("head width", shape.head_width);
  require_not_negative("query weight variance", shape.query_weight);
  require_not_negative("key weight variance", shape.key_weight);
  const Queries<T, Gradient<T>> queries(products(rows), shape);
  const KeyFactors<T> of_keys(keys, shape);
  const T& query = queries.products.variance;
  const T of_rows = correlation(queries.products.covariance, query);
  const T variance = query * of_keys.gain * of_keys.spread * shape.score_gain;
  require_not_negative("score variance", variance);  // moments beyond the range of T leave no number
  return {variance, of_keys.spread > T(0) ? T(of_rows * of_keys.row_correlation()) : of_rows};
}

template <class T>
[[nodiscard]] ScoreMoments<T> attention_scores(const Moments<T>& x, const AttentionShape<T>& shape) {
  return attention_scores(x, x, shape);
}

/// Rows that are alike.
template <class T>
[[nodiscard]] AttentionRows<T, Gradient<T>, T> attention_rows(const Moments<T>& rows, const AttentionShape<T>& shape,
                                                              const SoftmaxMeans<T>& softmax) {
  const Gradient<T> dots = products(rows);
  const Queries<T, Gradient<T>> queries(dots, shape);
  const RowMeans<T>& row = softmax.row;
  const PairMeans<T>& pair = softmax.pair;
  const T& query = queries.products.variance;
  return {dots,
          queries,
          {row.squares, pair.overlap, T(0)},
          {row.query_jacobian, pair.query_jacobian, T(0)},
          {query * row.key_jacobian, query * pair.key_jacobian, T(0)},
          T(1) - row.squares,
          row.leak};
}

/// Products of A y for every pair of rows. y: the values, linear in the keys' signal, of mean 0 or
/// not.
template <class T, class Pairs, class Tokens>
[[nodiscard]] Pairs attention_mix(const Moments<T>& y, const AttentionRows<T, Pairs, Tokens>& rows,
                                  const KeyFactors<T>& keys, const AttentionShape<T>& shape) {
  const T q = y.second_moment();
  const T c = y.token_dot();
  const T gain = shape.score_gain * keys.gain / shape.width;
  Pairs common = times(gain * with_factors(rows.queries.products, rows.focus), keys.shares());
  const Tokens of_one_row = rows.leak * own(common);
  common = with_own(std::move(common), of_one_row);
  const Pairs z = shifted(T(q - c) * (common + rows.overlap), c);
  const T dropped = q * shape.dropout / (T(1) - shape.dropout);
  return with_across(with_own(z, Tokens(own(z) + dropped * own(rows.overlap))), y.cross_dot());
}

/// Name     attention_forward
/// Moments of the output z of every head, before the output projection.
///     q_z = c_v + (q_v - c_v)(S2 + λ v'(1-S2)²/d) + S2 q_v p/(1-p)
///     c_z = c_v + (q_v - c_v)(P + ρv'(1-S2)²/d)
///     c×_z = c×_v
///     v' = q_q d w_k (q - c) κ̄ g
///     ρv' = c_q d w_k (q - c) κ̄₂ g
/// Symbols  q_v = d w_v q + b, c_v, c×_v: value moments.  v, ρ: attention_scores.  S2, P, λ:
///          softmax functionals averaged over head width.  p: dropout on A.  g: k · scale².  κ̄,
///          κ̄₂: rotary_means; without rotary positions 1, and v' = v.
/// Status   asymptotic in d; measured at d = 512, k = 64, L = 256, v = 0.1 to 16: q_z within 1 %,
///          c_z within 1.5 %, but 5 % low at c = 0 and v ≥ 12.8.
/// Assumes  keys exchangeable, values normal. Rows may differ.
/// Domain   0 ≤ p < 1
/// Source   our own.
/// Why      z = A V. The common part of the values passes unchanged, the rest is averaged by A; A
///          and V read the same tokens, and Gaussian integration by parts gives E[Σ A x] = v(1 -
///          S2) along the values (rank d), a part that L does not average away.
/// Throws   DomainError naming the argument and its value.
template <class T, class Pairs, class Tokens>
[[nodiscard]] auto attention_forward(const AttentionRows<T, Pairs, Tokens>& rows, const Moments<T>& keys,
                                     const AttentionShape<T>& shape) {
  require_drop_probability(shape.dropout);
  require_not_negative("value weight variance", shape.value_weight);
  const Moments<T> value = linear_forward(keys, shape.width, shape.value_weight, shape.bias_variance);
  return signal_of(attention_mix(value, rows, KeyFactors<T>(keys, shape), shape));
}

template <class T>
[[nodiscard]] Moments<T> attention_forward(const Moments<T>& rows, const Moments<T>& keys,
                                           const AttentionShape<T>& shape, const SoftmaxMeans<T>& softmax) {
  return attention_forward(attention_rows(rows, shape, softmax), keys, shape);
}

template <class T>
[[nodiscard]] Moments<T> attention_forward(const Moments<T>& x, const AttentionShape<T>& shape,
                                           const SoftmaxMeans<T>& softmax) {
  return attention_forward(x, x, shape, softmax);
}

/// Gradients of attention: at the three projections' outputs, at the signals that they read, and
/// the squared norms of the weight gradients.
template <class T, class Pairs = Gradient<T>>
struct AttentionGradient {
  Gradient<T> value;
  Pairs query;
  Gradient<T> key;
  Pairs rows;        ///< at the signal the queries are made of
  Gradient<T> keys;  ///< at that of the keys and values
  T query_weight;    ///< E‖∂loss/∂W_q‖²
  T key_weight;
  T value_weight;

  /// At the signal that self-attention reads.
  [[nodiscard]] Pairs input() const { return sum(keys, rows); }
};

/// Sets what follows from the gradients at the projections: at the signals, and the query weights'.
/// rows: token products.
template <class T, class Pairs>
void set_inputs(AttentionGradient<T, Pairs>& g, const Pairs& rows, const AttentionShape<T>& shape, const T& batch) {
  const T fan = shape.heads * shape.head_width;
  g.rows = linear_backward(g.query, fan, shape.query_weight);
  g.keys = sum(linear_backward(g.value, fan, shape.value_weight), linear_backward(g.key, fan, shape.key_weight));
  g.query_weight = shape.width * fan * sum_of_products(rows, g.query, batch, shape.length);
}

/// Name     attention_backward
/// Gradient through attention: value, query and key path.
///     gv2 = S2/(1-p) b2 + (L-1) P bc
///     gvc = (1-S2)/(L-1) b2 + (1-P) bc
///     gv× = b×
///     gq2 = (q_k-c_k) b2 (w_p T_q + w s(1-S2)²)
///     gqc = (q_k-c_k) bc w (T12_q + s(1-S2)²)
///     gq× = (q_k-c_k) b× w s(1-S2)²
///     gk2 = q_q b2 w_p T_k + (L-1) c_q bc w T12_k
///     gkc = -gk2/(L-1)
///     γ_in² = H k (w_v gv2 + w_q gq2 + w_k gk2), η_in and η×_in likewise
///     E‖∂W_v‖² = B d k H [L b2 q_Ax + L(L-1) bc c_Ax + (B-1) L² b× c×]
///     E‖∂W_k‖² = B d k H (q-c) [L q_q b2 (w_p T_k + w s(1-S2)²)
///                + L(L-1) c_q bc w (T12_k + s(1-S2)²) + (B-1) L² c×_q b× w s(1-S2)²]
/// Symbols  b2, bc, b×: gradient moments at the head output.  w = q_v - c_v, w_p = q_v/(1-p) - c_v.
///          q_Ax, c_Ax: attention_forward with x for the values.  s: participation of the tokens,
///          1/d if isotropic.  T_q, T_k, T12_q, T12_k: softmax Jacobian functionals. Query and key
///          terms carry score_gain. With rotary positions q - c κ̄ stands for q - c beside T_q and
///          T_k, q κ̄ - c κ̄₂ beside T12_q, ρ T12_k has them in ρ, and the terms in s carry κ̄
///          within a row and κ̄₂ between rows. With a norm on queries and keys gq is divided by q_q
///          and gk by q_k. Queries of another signal than the keys take its moments.
/// Status   asymptotic in d and L. Measured at d = 512, k = 64, L = 256, v = 0.1 to 16: variances
///          of every path and of the input gradient within 2 % for r_g = 0 and 5 % low for r_g =
///          0.5 and v ≥ 12.8; token products within 4 %; weights within 4 %.
/// Assumes  keys exchangeable; the gradient independent of the weights. Rows may differ: then every
///          term in b stands for the sum over the pairs of rows.
/// Domain   0 ≤ p < 1, L ≥ 2
/// Source   our own; arXiv:2403.09635 has the value path with S2, P → 1/L only.
/// Why      dS_ij = A_ij (u_ij - Σ_k A_ik u_ik), u_ij = g_i·v_j. Rows of dS sum to 0: only centred
///          keys count for queries, and the key gradients of a sequence sum to 0.
/// Throws   DomainError naming the argument and its value.
template <class T, class Pairs, class Tokens>
[[nodiscard]] AttentionGradient<T, Pairs> attention_backward(const Pairs& b,
                                                             const AttentionRows<T, Pairs, Tokens>& rows,
                                                             const Moments<T>& keys, const AttentionShape<T>& shape,
                                                             const T& batch) {
  require_drop_probability(shape.dropout);
  require_at_least_two("sequence length", shape.length);
  require_at_least_one("batch", batch);
  const T keep = T(1) - shape.dropout;
  const T& length = shape.length;
  const T others = length - T(1);
  const KeyFactors<T> of_keys(keys, shape);
  const Moments<T> value = linear_forward(keys, shape.width, shape.value_weight, shape.bias_variance);
  const T spread = value.second_moment() - value.token_dot();                 // w
  const T spread_dropped = value.second_moment() / keep - value.token_dot();  // w_p
  // b T w between rows, b T w_p within one.
  const auto seen = [&](const Pairs& jacobian) {
    const Pairs product = times(b, jacobian);
    return with_own(spread * product, Tokens(spread_dropped * own(product)));
  };
  // What L does not average away.
  const Pairs common = T(spread * shape.participation) * with_factors(times(b, of_keys.shares()), rows.focus);

  AttentionGradient<T, Pairs> out;
  const Pairs kept = times(b, rows.overlap);
  const Pairs apart = times(b, shifted(T(-1) * rows.overlap, T(1)));
  out.value = {sum_by_token(with_own(kept, Tokens(own(kept) / keep)), length), sum_by_token(apart, length) / others,
               mean_across(b)};
  const T query_gain = shape.score_gain * of_keys.gain;
  out.query = rows.queries.before_norm(query_gain * (common + times(seen(rows.query_jacobian), of_keys.spreads())));
  const T key_gain = shape.score_gain * of_keys.scale;
  const T at_keys = sum_by_token(seen(rows.key_jacobian), length);
  out.key = {key_gain * at_keys, -(key_gain * at_keys) / others, T(0)};
  set_inputs(out, rows.products, shape, batch);

  // The value gradient Aᵀg and the tokens it multiplies share A: ∂W_v = (A x)ᵀ g.
  const T elements = shape.width * shape.heads * shape.head_width;
  out.value_weight = elements * sum_of_products(attention_mix(keys, rows, of_keys, shape), b, batch, length);
  out.key_weight =
      key_gain * elements *
      (batch * length * of_keys.spread * at_keys + sum_of_products(rows.queries.products, common, batch, length));
  return out;
}

template <class T>
[[nodiscard]] AttentionGradient<T> attention_backward(const Gradient<T>& b, const Moments<T>& rows,
                                                      const Moments<T>& keys, const AttentionShape<T>& shape,
                                                      const SoftmaxMeans<T>& softmax, const T& batch) {
  return attention_backward(b, attention_rows(rows, shape, softmax), keys, shape, batch);
}

template <class T>
[[nodiscard]] AttentionGradient<T> attention_backward(const Gradient<T>& b, const Moments<T>& x,
                                                      const AttentionShape<T>& shape, const SoftmaxMeans<T>& softmax,
                                                      const T& batch) {
  return attention_backward(b, x, x, shape, softmax, batch);
}

}  // namespace sigprop::formula
