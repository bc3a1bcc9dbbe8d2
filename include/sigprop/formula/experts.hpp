// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/formula/domain.hpp"
#include "sigprop/formula/moments.hpp"

namespace sigprop::formula {

/// Name     experts
/// Mean of the outputs of the k experts, out of E, that a token takes.
///     μ' = μ    σ'² = σ²/k    κ' = κ/E    κ×' = κ×/E    backward  γ²/k, η/E, η×/E at all experts' outputs together
/// Symbols  μ, σ², κ, κ×: one expert's output.  k: experts of a token (top-k).  E: experts.  The
///          squared gradient norms of an expert's weights that follow from γ²/k, η/E, η×/E are the
///          sums over all experts.
/// Status   exact for what it assumes.
/// Assumes  every token's k experts drawn uniformly and independently of all else, weighted 1/k: a
///          router that does not tell tokens apart. Outputs of different experts do not correlate
///          beyond their means.
/// Domain   1 ≤ k ≤ E
/// Source   our own.
/// Why      k independent outputs of weight 1/k; two tokens meet in k²/E experts on average, each
///          time with the weight 1/k².
/// Throws   std::domain_error naming the argument and its value.
template <class T, class Pairs = Gradient<T>>
[[nodiscard]] Pairs experts_backward(const Pairs& g, const T& count, const T& chosen) {
  require_at_least_one("experts of a token", chosen);
  require_not_negative("experts that a token does not take", T(count - chosen));
  using Tokens = decltype(own(g));
  return with_own(g / count, Tokens(own(g) / chosen));
}

template <class T, class Signal = Moments<T>>
[[nodiscard]] Signal experts_forward(const Signal& y, const T& count, const T& chosen) {
  return signal_of(y.mean, experts_backward(covariances(y), count, chosen));
}

}  // namespace sigprop::formula
