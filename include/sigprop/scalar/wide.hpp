// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/math/constants/constants.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cstdint>

#include "sigprop/scalar/scalar.hpp"

namespace sigprop::scalar {

/// A number with double's 53 bits and an exponent up to 2^±1e9: moments of a hundred thousand
/// layers without a norm neither overflow nor underflow. About a hundred times slower than double,
/// so predict reads the formulas with it only when double left its range.
using Wide =
    boost::multiprecision::number<boost::multiprecision::cpp_bin_float<53, boost::multiprecision::digit_base_2, void,
                                                                       std::int32_t, -1000000000, 1000000000>,
                                  boost::multiprecision::et_off>;

template <>
struct Traits<Wide> {
  using Real = Wide;
  using Tabulated = double;
};

template <class Backend, boost::multiprecision::expression_template_option Templates>
struct Pi<boost::multiprecision::number<Backend, Templates>> {
  using Real = boost::multiprecision::number<Backend, Templates>;
  [[nodiscard]] static Real value() { return boost::math::constants::pi<Real>(); }
};

}  // namespace sigprop::scalar
