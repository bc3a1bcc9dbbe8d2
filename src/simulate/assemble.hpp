// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/profile/profile.hpp"
#include "simulate/accumulator.hpp"
#include "simulate/replicate.hpp"

namespace sigprop::simulate {

/// The profile of what was measured: functions of means over replicates, with standard errors by
/// the delta method.
[[nodiscard]] profile::Profile assemble(const Subject& subject, const Accumulator& measured);

}  // namespace sigprop::simulate
