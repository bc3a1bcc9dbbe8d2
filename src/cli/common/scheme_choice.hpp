// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/spec/initialize.hpp"

namespace sigprop::cli {

/// A scheme as the command line names it: NAME, or NAME:PARAMETER=VALUE:PARAMETER=VALUE. Throws
/// Failure for an unknown scheme or parameter and for what is no number.
[[nodiscard]] spec::SchemeChoice scheme_choice(const std::string& text);

/// The parts of a text between separators.
[[nodiscard]] std::vector<std::string> split(const std::string& text, char separator);

/// The scheme of that name. Throws Failure, with the nearest name.
[[nodiscard]] const scheme::Scheme& known_scheme(const std::string& name);

}  // namespace sigprop::cli
