// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "sigprop/formula/attention.hpp"

namespace sigprop::formula {

/// Name     attention_paper_forward
/// Moments of one head's output as published.
///     σ'² = d w_v [ ( (1-r)² (L-1) S σ⁴ + e^{(1-r) d S σ²}/(1-p) · (4 (1-r)² S σ⁴ + (1-r) σ²) )/L + r σ² ]
///     κ' = d w_v [ r σ² + ( 2 (1-r)² d w² σ⁶ + (1-r) σ² )/L ],   S = d σ² w²,  w² = w_q w_k
/// Symbols  x: second moment for σ², token correlation r.  p: dropout on the softmax matrix.  d:
///          width.  L: tokens.
/// Status   asymptotic in L at small score variance; about 2900 times too high at v = 12.8. Kept as
///          published.
/// Assumes  one head, scores divided by √k, no biases.
/// Domain   L ≥ 1, 0 ≤ p < 1
/// Source   arXiv:2403.09635, single-head attention.
/// Why      second-order expansion of e^x around normal scores with the denominator replaced by its
///          mean.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] Moments<T> attention_paper_forward(const Moments<T>& x, const AttentionShape<T>& shape) {
  using std::exp;
  require_drop_probability(shape.dropout);
  require_at_least_one("sequence length", shape.length);
  require_not_negative("value weight variance", shape.value_weight);
  const T q = x.second_moment();
  const T r = correlation(x.token_dot(), q);
  const T own = T(1) - r;
  const T weights = shape.query_weight * shape.key_weight * shape.score_gain;  // w²
  const T s = shape.width * q * weights;
  const T bend = own * own * s * q * q;  // (1-r)² S σ⁴
  const T sharp = exp(own * shape.width * s * q) / (T(1) - shape.dropout) * (T(4) * bend + own * q);
  const T gain = shape.width * shape.value_weight;
  const T& length = shape.length;
  return {T(0), gain * (((length - T(1)) * bend + sharp) / length + r * q),
          gain * (r * q + (T(2) * bend + own * q) / length), gain * x.cross_dot()};
}

/// Name     attention_paper_backward
/// Gradient through one head as published: the value path with S2, P → 1/L.
///     γ_in² = γ² k w_v (1 + (L-1) r_g (1-p))/(L (1-p))    η_in = γ² k w_v (1 + (L-1) r_g)/L
/// Symbols  γ², r_g: gradient variance and token correlation at the head output.  k: head width.  H
///          heads add up.
/// Status   approximation that leaves out queries and keys: 5.7 times too low at v = 0.8, r_g = 0,
///          800 times at v = 16. Kept as published.
/// Assumes  score variance far below 1.
/// Domain   L ≥ 1, 0 ≤ p < 1
/// Source   arXiv:2403.09635, single-head attention.
/// Why      with A_ij = 1/L a value receives the mean of the output gradients.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] Gradient<T> attention_paper_value_gradient(const Gradient<T>& b, const AttentionShape<T>& shape) {
  require_drop_probability(shape.dropout);
  require_at_least_one("sequence length", shape.length);
  const T keep = T(1) - shape.dropout;
  const T others = shape.length - T(1);
  return {(b.variance + others * b.covariance * keep) / (shape.length * keep),
          (b.variance + others * b.covariance) / shape.length, b.cross_covariance};
}

template <class T>
[[nodiscard]] Gradient<T> attention_paper_backward(const Gradient<T>& b, const AttentionShape<T>& shape) {
  return linear_backward(attention_paper_value_gradient(b, shape), T(shape.heads * shape.head_width),
                         shape.value_weight);
}

}  // namespace sigprop::formula
