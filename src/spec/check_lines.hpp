// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace sigprop::spec {

/// The line, from 1, on which each check of a valid spec begins.
[[nodiscard]] std::vector<std::size_t> check_lines(std::string_view text);

}  // namespace sigprop::spec
