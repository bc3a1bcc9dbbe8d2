// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cstdint>

namespace sigprop::scalar {

/// A number with double's 53 bits and an exponent up to 2^±1e9: moments of a hundred thousand layers without a norm
/// neither overflow nor underflow. About a hundred times slower than double, so predict reads the formulas with it only
/// when double left its range.
using Wide =
    boost::multiprecision::number<boost::multiprecision::cpp_bin_float<53, boost::multiprecision::digit_base_2, void,
                                                                       std::int32_t, -1000000000, 1000000000>,
                                  boost::multiprecision::et_off>;

}  // namespace sigprop::scalar
