// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>

#include "sigprop/report/explanation.hpp"

/// What the text and the document of an explanation have in common.
namespace sigprop::report {

/// A number with five digits in a line of Unicode: 1.2·10⁻⁵.
[[nodiscard]] std::string shown(double x);

/// Do the numbers say more than the symbols and the value?
[[nodiscard]] bool adds(const EquationLine& line);

/// Does what is put together of a whole layer fit?
[[nodiscard]] bool is_short(const Notation& equation);

[[nodiscard]] const char* kind_name(LayerRecursion::Kind kind);

/// Which layers, and what the letters mean; then what becomes of q, of r and of the gradient.
[[nodiscard]] std::string introduction(const LayerRecursion& x);
[[nodiscard]] std::array<std::string, 3> sentences(const LayerRecursion& x);

/// What the letters of steps mean.
inline constexpr const char* forward_legend =
    "Of signal x: μ mean, σ² variance, κ covariance of two tokens, r = κ/σ². In brackets: sigprop formulas NAME.";
inline constexpr const char* backward_legend =
    "Backward. Of a gradient: γ² variance, η covariance of two tokens, with the number of the signal at which it is "
    "taken; ′ marks a part to which others are added.";

}  // namespace sigprop::report
