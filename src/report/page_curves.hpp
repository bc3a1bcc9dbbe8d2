// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "report/json_value.hpp"

namespace sigprop::report {

/// What page.js draws: the places of points and layers on the depth axis, and of every chart its
/// curves, theory and simulation.
[[nodiscard]] Json curves_json(const profile::Profile& predicted, const profile::Profile* measured);

}  // namespace sigprop::report
