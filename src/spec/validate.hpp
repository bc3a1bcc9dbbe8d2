// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "spec/rule.hpp"

namespace sigprop::spec {

/// All places where a value breaks the grammar, in the order of the file: "/json/pointer is VALUE,
/// but must be RANGE (for example X)".
[[nodiscard]] std::vector<std::string> validate(const Grammar& grammar, const Json& value);

/// "1 value", "3 values".
[[nodiscard]] std::string counted(std::size_t values);

/// A JSON value as it stands in a message: at most 60 characters.
[[nodiscard]] std::string shown(const Json& value);

}  // namespace sigprop::spec
