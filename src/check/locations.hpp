// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "check/quantities.hpp"
#include "sigprop/check/check.hpp"

namespace sigprop::check {

/// The readings of a series at a place: of a layer with several points the last, of the input the
/// first, of `every` all. Empty where the series has nothing there.
[[nodiscard]] Series chosen(const Series& series, const Location& location);

}  // namespace sigprop::check
