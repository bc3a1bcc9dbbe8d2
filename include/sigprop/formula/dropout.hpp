// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/formula/domain.hpp"
#include "sigprop/formula/moments.hpp"

namespace sigprop::formula {

/// Name     dropout
/// Moments of y = m x / (1 - p), m ~ Bernoulli(1 - p): inverted dropout while training.
///     μ' = μ    σ'² = (σ² + p μ²)/(1 - p)    κ' = κ    κ×' = κ×
///     γ_in² = γ²/(1 - p)    η_in = η    η×_in = η×
/// Symbols  x: (B, L, D) with mean μ, variance σ², token covariance κ.  p: probability that an element is dropped.
/// Status   exact for any x with finite second moments.
/// Assumes  masks independent of x and of each other.
/// Domain   0 ≤ p < 1
/// Source   arXiv:2403.09635, dropout.
/// Why      E[y²] = (σ² + μ²)/(1 - p); the masks of two tokens are independent, so their product has mean 1.
/// Throws   std::domain_error naming p and its value.
template <class T>
[[nodiscard]] Moments<T> dropout_forward(const Moments<T>& x, const T& p) {
  require_drop_probability(p);
  return {x.mean, (x.variance + p * x.mean * x.mean) / (T(1) - p), x.covariance, x.cross_covariance};
}

template <class T>
[[nodiscard]] Gradient<T> dropout_backward(const Gradient<T>& g, const T& p) {
  require_drop_probability(p);
  return {g.variance / (T(1) - p), g.covariance, g.cross_covariance};
}

}  // namespace sigprop::formula
