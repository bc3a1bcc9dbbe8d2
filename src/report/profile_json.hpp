// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>

#include "sigprop/profile/profile.hpp"

namespace sigprop::report {

/// The members "points", "layers" and "summary" of a JSON object, without its braces.
void write_profile(std::ostream& out, const profile::Profile& profile);

}  // namespace sigprop::report
