// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "sigprop/formula/moments.hpp"
#include "sigprop/formula/rank_collapse.hpp"
#include "sigprop/profile/profile.hpp"

/// Moments in a theory's numbers as a profile holds them.
namespace sigprop::predict {

/// A number of T as a quantity: log10 of its absolute value taken in T, so that it is right beyond double's range.
template <class T>
[[nodiscard]] profile::Quantity quantity(const T& x) {
  using std::abs;
  using std::log10;
  if (x == T(0)) return {};
  return {scalar::value_of(x), scalar::value_of(T(log10(abs(x))))};
}

template <class T>
[[nodiscard]] profile::Forward forward_of(const formula::Moments<T>& m, double length, std::size_t width,
                                          bool batched) {
  profile::Forward out;
  const T q = m.second_moment();
  const T c = m.token_dot();
  out.mean = quantity(m.mean);
  out.variance = quantity(m.variance);
  out.second_moment = quantity(q);
  out.token_dot = quantity(c);
  if (batched) out.cross_dot = quantity(m.cross_dot());
  out.token_correlation = scalar::value_of(formula::correlation(m.covariance, m.variance));
  out.rank_residual = scalar::value_of(formula::rank_residual(q, c, T(length)));
  const bool present = q > T(0);
  out.effective_rank =
      present ? formula::effective_rank(1, scalar::value_of(T(c / q)), length, static_cast<double>(width)) : 0;
  return out;
}

template <class T>
[[nodiscard]] profile::Backward backward_of(const formula::Gradient<T>& g, double elements, bool batched) {
  using std::sqrt;
  profile::Backward out;
  out.variance = quantity(g.variance);
  out.token_dot = quantity(g.covariance);
  if (batched) out.cross_dot = quantity(g.cross_covariance);
  out.token_correlation = scalar::value_of(formula::correlation(g.covariance, g.variance));
  out.norm = quantity(T(sqrt(g.variance * T(elements))));
  return out;
}

inline void set_entropy(profile::AttentionMetrics& metrics, double entropy, double keys) {
  metrics.entropy = entropy;
  metrics.entropy_fraction = entropy / std::log(keys);
}

}  // namespace sigprop::predict
