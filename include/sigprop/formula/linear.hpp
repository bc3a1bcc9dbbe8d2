// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/formula/domain.hpp"
#include "sigprop/formula/moments.hpp"

namespace sigprop::formula {

/// Name     linear
/// Moments of y = x Wᵀ + bias and of the gradient that passes back through it.
///     μ' = 0    σ'² = d_in w q + b    κ' = d_in w c + b    κ×' = d_in w c× + b
///     γ_in² = d_out w γ²    η_in = d_out w η    η×_in = d_out w η×
/// Symbols  x: (B, L, d_in) with second moment q and token products c, c×.  W: (d_out, d_in) of
///          variance w.  bias: (d_out) of variance b.
/// Status   exact for any input.
/// Assumes  W and the bias independent of x, of mean 0, independent elements.
/// Domain   d_in ≥ 1, d_out ≥ 1, w ≥ 0, b ≥ 0
/// Source   arXiv:2403.09635, linear layer.
/// Why      Cov[y_s, y_t] = Σ_a w E[x_sa x_ta] + b; backward the sum runs over the d_out outputs.
/// Throws   std::domain_error naming the argument and its value.
template <class T, class Signal = Moments<T>>
[[nodiscard]] Signal linear_forward(const Signal& x, const T& fan_in, const T& weight_variance,
                                    const T& bias_variance) {
  require_at_least_one("fan-in", fan_in);
  require_not_negative("weight variance", weight_variance);
  require_not_negative("bias variance", bias_variance);
  const T gain = fan_in * weight_variance;
  return signal_of(shifted(gain * products(x), bias_variance));
}

template <class T, class Pairs = Gradient<T>>
[[nodiscard]] Pairs linear_backward(const Pairs& g, const T& fan_out, const T& weight_variance) {
  require_at_least_one("fan-out", fan_out);
  require_not_negative("weight variance", weight_variance);
  return T(fan_out * weight_variance) * g;
}

/// Name     weight_gradient
/// Expected squared norm of the gradient of the loss with respect to a weight matrix.
///     E‖∂loss/∂W‖² = d_in d_out [ B L q γ² + B L (L-1) c η + B (B-1) L² c× η× ]
/// Symbols  W: (d_out, d_in).  q, c, c×: second moment and token products of its input.  γ², η, η×:
///          gradient at its output.  B sequences of L tokens.
/// Status   exact where input and gradient are independent; asymptotic in width otherwise.
/// Assumes  the gradient at the output is independent of the input it multiplies.
/// Domain   d_in, d_out, B, L ≥ 1
/// Source   arXiv:2403.09635 for one sequence; the batch terms are our own.
/// Why      ∂W = Σ_t g_t x_tᵀ, so ‖∂W‖² = Σ_st (g_s·g_t)(x_s·x_t): equal tokens, two tokens of a
///          sequence, two sequences.
/// Throws   std::domain_error naming the argument and its value.
template <class T, class Signal = Moments<T>, class Pairs = Gradient<T>>
[[nodiscard]] T weight_gradient(const Signal& x, const Pairs& g, const T& fan_in, const T& fan_out, const T& batch,
                                const T& length) {
  require_at_least_one("fan-in", fan_in);
  require_at_least_one("fan-out", fan_out);
  require_at_least_one("batch", batch);
  require_at_least_one("sequence length", length);
  return fan_in * fan_out * sum_of_products(products(x), g, batch, length);
}

}  // namespace sigprop::formula
