// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "sigprop/measured/inspect.hpp"

namespace sigprop::measured {

/// Pairs of one kind of weight in different layers whose elements are correlated: neighbours, of
/// several that are alike. samples: of every weight, empty for one that is not to be compared.
[[nodiscard]] std::vector<Copy> copies_among(const std::vector<Weight>& weights,
                                             const std::vector<std::vector<float>>& samples, double level);

}  // namespace sigprop::measured
