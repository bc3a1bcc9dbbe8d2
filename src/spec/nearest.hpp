// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace sigprop::spec {

/// The known name nearest to a wrong one, whatever its case, or "" where none is near.
[[nodiscard]] std::string nearest(std::string word, const std::vector<std::string>& known);

}  // namespace sigprop::spec
