// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/formula/moments.hpp"

namespace sigprop::formula {

/// Name     residual
/// Moments of y = λ x + β f(x) and of the gradient at x, the sum over both paths.
///     μ' = λμ + βμ_f    σ'² = λ²σ² + β²σ_f²    κ' = λ²κ + β²κ_f    κ×' = λ²κ× + β²κ×_f
///     γ_in² = λ²γ² + β²γ_f²    η_in = λ²η + β²η_f    η×_in = λ²η× + β²η×_f
/// Symbols  λ: skip scale.  β: branch scale.  σ_f², κ_f: moments of the branch output.  γ_f², η_f:
///          the branch's input gradient for an output gradient (γ², η).
/// Status   exact.
/// Assumes  the branch starts and ends in independent weights of mean 0, so that skip and branch do
///          not correlate.
/// Domain   any λ, β
/// Source   arXiv:2403.09635, residual connection.
/// Why      E[x f(x)] = 0 over the sign of the branch's last weights; backward the same over its
///          first.
template <class T, class Signal = Moments<T>>
[[nodiscard]] Signal residual_forward(const Signal& skip, const Signal& branch, const T& skip_scale,
                                      const T& branch_scale) {
  const T a = skip_scale * skip_scale;
  const T b = branch_scale * branch_scale;
  using Tokens = decltype(own(covariances(skip)));
  return signal_of(Tokens(skip_scale * skip.mean + branch_scale * branch.mean),
                   a * covariances(skip) + b * covariances(branch));
}

/// `branch` is the gradient at the branch's input when the gradient at its output is β times that
/// of y.
template <class T, class Pairs = Gradient<T>>
[[nodiscard]] Pairs residual_backward(const Pairs& g, const Pairs& branch, const T& skip_scale) {
  return T(skip_scale * skip_scale) * g + branch;
}

/// Gradient at the branch's output: β times that of the sum.
template <class T, class Pairs = Gradient<T>>
[[nodiscard]] Pairs scaled(const Pairs& g, const T& scale) {
  return T(scale * scale) * g;
}

}  // namespace sigprop::formula
