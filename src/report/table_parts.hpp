// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>

#include "sigprop/profile/profile.hpp"

/// What a profile's table and its plot have in common.
namespace sigprop::report {

/// Name, theory and depth, and an empty line.
void write_title(std::ostream& out, const profile::Profile& profile);

/// Behind an empty line the depth laws and verdicts.
void write_summary(std::ostream& out, const profile::Profile& profile);

}  // namespace sigprop::report
