// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace sigprop::profile {

/// How a positive quantity moves with depth.
struct DepthLaw {
  std::string
      name;  ///< constant, linear, hyperbolic, power, exponential or irregular; "none" for fewer than four layers or a value of 0
  double rate =
      0;  ///< linear: increase a layer over the first value; hyperbolic and power: exponent of depth; exponential: log10 of the factor a layer
};

/// The law with the smallest root-mean-square deviation in ln y among y = a (constant, where y
/// stays within 20 %), a + b x, a x^b (hyperbolic for b < 0, power for b > 0) and a e^{bx}; x = 1,
/// 2, ... counts layers, log10_values holds log10 y after each.
[[nodiscard]] DepthLaw fit_depth_law(const std::vector<double>& log10_values);

}  // namespace sigprop::profile
