// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/check/check.hpp"

/// Comparisons of numbers that may lie outside double's range.
namespace sigprop::check {

/// Is it a number at all, of any size?
[[nodiscard]] bool is_number(const profile::Quantity& q);

/// a/b: ±∞ over 0, and no number for 0/0.
[[nodiscard]] profile::Quantity ratio(const profile::Quantity& a, const profile::Quantity& b);

/// log10 of the factor by which a number lies beyond the nearer of a condition's bounds, see
/// Outcome::excess; ∞ for what is no number.
[[nodiscard]] double excess(const profile::Quantity& q, const Condition& condition);

}  // namespace sigprop::check
