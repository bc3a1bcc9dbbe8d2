// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/rule.hpp"

namespace sigprop::spec {

/// The JSON value of a text; nothing, with one error a fault, where it is no JSON, holds a key
/// twice in one object, or nests too deep.
[[nodiscard]] std::optional<Json> parse(std::string_view text, std::vector<std::string>& errors);

}  // namespace sigprop::spec
