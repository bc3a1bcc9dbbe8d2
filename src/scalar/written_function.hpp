// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/scalar/expression.hpp"

namespace sigprop::scalar {

/// A function of mathematics: how it is printed, its value and its derivative.
struct WrittenFunction {
  Symbol name;
  double (*value)(double);
  Expression (*derivative)(const Expression& x);
  bool positive = false;  ///< above 0 everywhere
};

}  // namespace sigprop::scalar
