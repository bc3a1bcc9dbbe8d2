// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/formula/moments.hpp"

namespace sigprop::formula {

/// Name     gated
/// Moments of the product of a gate φ(a) and a value b, a = W_gate x and b = W_in x.
///     μ' = 0    q' = E[φ(a)²] q_b    c' = E[φ(a_i) φ(a_j)] c_b    c×' likewise
///     to b  γ² E[φ(a)²], η E[φ(a_i) φ(a_j)]    to φ(a)  γ² q_b, η c_b
/// Symbols  q_b, c_b: second moment and token product of b, of mean 0.  E[φ(a)²], E[φ(a_i)φ(a_j)]:
///          those of the activated gate.
/// Status   exact for a and b independent; asymptotic in the input's width.
/// Assumes  W_gate and W_in independent; b of mean 0; the gradient independent of both.
/// Domain   any
/// Source   our own; gated feed-forward networks: arXiv:2002.05202.
/// Why      the expectation of a product of independent factors is that of their expectations; ∂(φ
///          b)/∂b = φ and ∂(φ b)/∂φ = b.
/// Throws   nothing.
template <class Signal>
[[nodiscard]] Signal gated_forward(const Signal& gate, const Signal& value) {
  return signal_of(times(products(gate), products(value)));
}

/// Gradient at one factor of a product from that at the product.
template <class Pairs, class Signal>
[[nodiscard]] Pairs gated_backward(const Pairs& g, const Signal& other_factor) {
  return times(g, products(other_factor));
}

}  // namespace sigprop::formula
