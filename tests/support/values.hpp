// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>

#include "sigprop/formula/moments.hpp"
#include "sigprop/scalar/jet.hpp"
#include "sigprop/scalar/scalars.hpp"

namespace sigprop::test {

using scalar::Digits50;
using scalar::Dual;
using Jet = scalar::Jet<3>;
using scalar::Wide;

/// The numbers of a result as an array, to be compared one by one.
template <class T>
[[nodiscard]] std::array<T, 4> values(const formula::Moments<T>& x) {
  return {x.mean, x.variance, x.covariance, x.cross_covariance};
}

template <class T>
[[nodiscard]] std::array<T, 3> values(const formula::Gradient<T>& g) {
  return {g.variance, g.covariance, g.cross_covariance};
}

template <class To, class From>
[[nodiscard]] formula::Moments<To> convert(const formula::Moments<From>& x) {
  return {To(x.mean), To(x.variance), To(x.covariance), To(x.cross_covariance)};
}

template <class To, class From>
[[nodiscard]] formula::Gradient<To> convert(const formula::Gradient<From>& g) {
  return {To(g.variance), To(g.covariance), To(g.cross_covariance)};
}

/// |a - b| / |b|, the difference taken with fifty digits; 0 where both are 0.
template <class A, class B>
[[nodiscard]] double relative_error(const A& a, const B& b) {
  const Digits50 difference = abs(Digits50(a) - Digits50(b));
  if (difference == 0) return 0;
  return static_cast<double>(difference / abs(Digits50(b)));
}

/// Every number of `actual` within the relative error `limit` of its expected one.
template <class A, class B, std::size_t N>
void check_close(const std::array<A, N>& actual, const std::array<B, N>& expected, double limit) {
  for (std::size_t n = 0; n < N; ++n) {
    INFO("number " << n << ": actual " << static_cast<double>(actual[n]) << ", expected "
                   << static_cast<double>(expected[n]));
    CHECK(relative_error(actual[n], expected[n]) <= limit);
  }
}

}  // namespace sigprop::test
