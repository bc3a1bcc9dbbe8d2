// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/math/differentiation/autodiff.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>

#include "sigprop/scalar/scalar.hpp"
#include "sigprop/scalar/wide.hpp"

/// The list of number types every formula is tested with.
namespace sigprop::scalar {

/// Fifty decimal digits: tests that a formula read in double lost nothing to rounding.
using Digits50 = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<50>, boost::multiprecision::et_off>;

/// Value and first derivative with respect to one input.
using Dual = boost::math::differentiation::autodiff_fvar<double, 1>;

template <>
struct Traits<Dual> {
  using Real = double;
  using Tabulated = Dual;
};

}  // namespace sigprop::scalar
