// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/scalar/expression.hpp"

/// The formulas read as mathematics: their templates with expressions in the place of numbers.
namespace sigprop::symbolic {

struct Equation {
  std::string text;  ///< left side: "σ'²"
  std::string latex;
  scalar::Expression right;
};

/// The equations of a formula by its name, forward then backward; empty for one that is a
/// quadrature or a sum over data and has no closed form. Where a formula branches on a value (a
/// clamp, a signal of 0) they are those of an ordinary signal, at which the samples lie.
[[nodiscard]] std::vector<Equation> equations_of(const std::string& formula);

}  // namespace sigprop::symbolic
