// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/formula/moments.hpp"

namespace sigprop::formula {

/// Name     gated
/// Moments of the product of a gate φ(a) and a value b, a = W_gate x and b = W_in x.
///     μ' = 0    q' = E[φ(a)²] q_b    c' = E[φ(a_i) φ(a_j)] c_b    c×' likewise
///     to b  γ² E[φ(a)²], η E[φ(a_i) φ(a_j)]    to φ(a)  γ² q_b, η c_b
/// Symbols  q_b, c_b: second moment and token product of b, of mean 0.  E[φ(a)²], E[φ(a_i)φ(a_j)]: those of the activated gate.
/// Status   exact for a and b independent; asymptotic in the input's width.
/// Assumes  W_gate and W_in independent; b of mean 0; the gradient independent of both.
/// Domain   any
/// Source   our own; gated feed-forward networks: arXiv:2002.05202.
/// Why      the expectation of a product of independent factors is that of their expectations; ∂(φ b)/∂b = φ and ∂(φ b)/∂φ = b.
/// Throws   nothing.
template <class T>
[[nodiscard]] Moments<T> gated_forward(const Moments<T>& gate, const Moments<T>& value) {
  return {T(0), gate.second_moment() * value.second_moment(), gate.token_dot() * value.token_dot(),
          gate.cross_dot() * value.cross_dot()};
}

/// Gradient at one factor of a product from that at the product.
template <class T>
[[nodiscard]] Gradient<T> gated_backward(const Gradient<T>& g, const Moments<T>& other_factor) {
  return {g.variance * other_factor.second_moment(), g.covariance * other_factor.token_dot(),
          g.cross_covariance * other_factor.cross_dot()};
}

}  // namespace sigprop::formula
