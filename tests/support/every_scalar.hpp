// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <catch2/catch.hpp>
#include <cstddef>

#include "support/values.hpp"

namespace sigprop::test {

/// How far the readings of one formula with two number types may lie apart.
struct ScalarLimits {
  double rounding = 1e-12;  ///< relative, of a value in double against fifty digits
  double slope = 1e-6;      ///< relative, of the dual derivative against the central difference
};

/// Reads `f`, a function of one number that returns an array, with every scalar type at x ≠ 0:
/// double, Wide, Dual and Jet agree with fifty digits, and the derivative of both with a central
/// difference in fifty digits.
template <class F>
void check_every_scalar(const F& f, double x, const ScalarLimits& limits = {}) {
  INFO("at " << x);
  const auto precise = f(Digits50(x));
  {
    INFO("double against fifty digits");
    check_close(f(x), precise, limits.rounding);
  }
  {
    INFO("Wide against fifty digits");
    check_close(f(Wide(x)), precise, limits.rounding);
  }
  const auto jet = f(Jet(x, 1));
  const auto dual = f(boost::math::differentiation::make_fvar<double, 1>(x));
  const Digits50 step = Digits50(1e-8) * abs(Digits50(x));  // truncation 1e-16, rounding 1e-42
  const auto above = f(Digits50(x) + step);
  const auto below = f(Digits50(x) - step);
  for (std::size_t n = 0; n < dual.size(); ++n) {
    const double slope = static_cast<double>((above[n] - below[n]) / (step + step));
    const double size = static_cast<double>(abs(precise[n] / Digits50(x)));
    INFO("dual number " << n << " with derivative " << dual[n].derivative(1) << ", central difference " << slope);
    CHECK(relative_error(static_cast<double>(dual[n]), precise[n]) <= limits.rounding);
    CHECK(jet[n].value == Approx(static_cast<double>(dual[n])).epsilon(1e-12));
    CHECK(jet[n].slopes[1] == Approx(dual[n].derivative(1)).epsilon(1e-9).margin(limits.rounding * size));
    CHECK(jet[n].slopes[0] == 0);
    CHECK(std::abs(dual[n].derivative(1) - slope) <= limits.slope * std::abs(slope) + limits.rounding * size);
  }
}

}  // namespace sigprop::test
