// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "sigprop/formula/moments.hpp"
#include "sigprop/formula/rank_collapse.hpp"
#include "sigprop/profile/profile.hpp"
#include "sigprop/scalar/jet.hpp"

/// Moments in a theory's numbers as a profile holds them.
namespace sigprop::predict {

/// A number of T as a quantity: log10 of its absolute value taken in T, so that it is right beyond
/// double's range.
template <class T>
[[nodiscard]] profile::Quantity quantity(const T& x) {
  using std::abs;
  using std::log10;
  if (x == T(0)) return {};
  return {scalar::value_of(x), scalar::value_of(T(log10(abs(x))))};
}

template <std::size_t N>
[[nodiscard]] profile::Quantity quantity(const scalar::Jet<N>& x) {
  profile::Quantity out = quantity(x.value);
  std::vector<double> slopes;
  for (const double slope : x.slopes) slopes.push_back(x.value == 0 ? 0 : slope / x.value);
  out.set_slopes(std::move(slopes));
  return out;
}

template <class T>
[[nodiscard]] profile::Forward forward_of(const formula::Moments<T>& m, const T& length, const T& width, bool batched) {
  profile::Forward out;
  const T q = m.second_moment();
  const T c = m.token_dot();
  out.mean = quantity(m.mean);
  out.variance = quantity(m.variance);
  out.second_moment = quantity(q);
  out.token_dot = quantity(c);
  if (batched) out.cross_dot = quantity(m.cross_dot());
  out.token_correlation = quantity(formula::correlation(m.covariance, m.variance));
  out.rank_residual = quantity(formula::rank_residual(q, c, length));
  out.effective_rank =
      q > T(0) ? quantity(formula::effective_rank(T(1), T(c / q), length, width)) : profile::Quantity(0);
  return out;
}

template <class T>
[[nodiscard]] profile::Backward backward_of(const formula::Gradient<T>& g, const T& elements, bool batched) {
  using std::sqrt;
  profile::Backward out;
  out.variance = quantity(g.variance);
  out.token_dot = quantity(g.covariance);
  if (batched) out.cross_dot = quantity(g.cross_covariance);
  out.token_correlation = quantity(formula::correlation(g.covariance, g.variance));
  out.norm = quantity(T(sqrt(g.variance * elements)));
  return out;
}

template <class T>
void set_entropy(profile::AttentionMetrics& metrics, const T& entropy, const T& keys) {
  using std::log;
  metrics.entropy = quantity(entropy);
  metrics.entropy_fraction = quantity(T(entropy / log(keys)));
}

}  // namespace sigprop::predict
