// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/formula/moments.hpp"

namespace sigprop::formula {

/// Name     residual
/// Moments of y = λ x + β f(x) and of the gradient at x, the sum over both paths.
///     μ' = λμ + βμ_f    σ'² = λ²σ² + β²σ_f²    κ' = λ²κ + β²κ_f    κ×' = λ²κ× + β²κ×_f
///     γ_in² = λ²γ² + β²γ_f²    η_in = λ²η + β²η_f    η×_in = λ²η× + β²η×_f
/// Symbols  λ: skip scale.  β: branch scale.  σ_f², κ_f: moments of the branch output.  γ_f², η_f: the branch's input gradient for an output gradient (γ², η).
/// Status   exact.
/// Assumes  the branch starts and ends in independent weights of mean 0, so that skip and branch do not correlate.
/// Domain   any λ, β
/// Source   arXiv:2403.09635, residual connection.
/// Why      E[x f(x)] = 0 over the sign of the branch's last weights; backward the same over its first.
template <class T>
[[nodiscard]] Moments<T> residual_forward(const Moments<T>& skip, const Moments<T>& branch, const T& skip_scale,
                                          const T& branch_scale) {
  const T a = skip_scale * skip_scale;
  const T b = branch_scale * branch_scale;
  return {skip_scale * skip.mean + branch_scale * branch.mean, a * skip.variance + b * branch.variance,
          a * skip.covariance + b * branch.covariance, a * skip.cross_covariance + b * branch.cross_covariance};
}

/// `branch` is the gradient at the branch's input when the gradient at its output is β times that of y.
template <class T>
[[nodiscard]] Gradient<T> residual_backward(const Gradient<T>& g, const Gradient<T>& branch, const T& skip_scale) {
  const T a = skip_scale * skip_scale;
  return {a * g.variance + branch.variance, a * g.covariance + branch.covariance,
          a * g.cross_covariance + branch.cross_covariance};
}

/// Gradient at the branch's output: β times that of the sum.
template <class T>
[[nodiscard]] Gradient<T> scaled(const Gradient<T>& g, const T& scale) {
  const T b = scale * scale;
  return {b * g.variance, b * g.covariance, b * g.cross_covariance};
}

}  // namespace sigprop::formula
