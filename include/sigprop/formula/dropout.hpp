// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/formula/domain.hpp"
#include "sigprop/formula/moments.hpp"

namespace sigprop::formula {

/// Name     dropout
/// Moments of y = m x / (1 - p), m ~ Bernoulli(1 - p): inverted dropout while training.
///     μ' = μ    σ'² = (σ² + p μ²)/(1 - p)    κ' = κ    κ×' = κ×
///     γ_in² = γ²/(1 - p)    η_in = η    η×_in = η×
/// Symbols  x: (B, L, D) with mean μ, variance σ², token covariance κ.  p: probability that an
///          element is dropped.
/// Status   exact for any x with finite second moments.
/// Assumes  masks independent of x and of each other.
/// Domain   0 ≤ p < 1
/// Source   arXiv:2403.09635, dropout.
/// Why      E[y²] = (σ² + μ²)/(1 - p); the masks of two tokens are independent, so their product
///          has mean 1.
/// Throws   std::domain_error naming p and its value.
template <class T, class Signal = Moments<T>>
[[nodiscard]] Signal dropout_forward(const Signal& x, const T& p) {
  require_drop_probability(p);
  const auto& pairs = covariances(x);
  using Tokens = decltype(own(pairs));
  return signal_of(x.mean, with_own(pairs, Tokens((own(pairs) + p * x.mean * x.mean) / (T(1) - p))));
}

template <class T, class Pairs = Gradient<T>>
[[nodiscard]] Pairs dropout_backward(const Pairs& g, const T& p) {
  require_drop_probability(p);
  using Tokens = decltype(own(g));
  return with_own(g, Tokens(own(g) / (T(1) - p)));
}

}  // namespace sigprop::formula
