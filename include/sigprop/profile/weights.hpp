// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sigprop/profile/profile.hpp"

namespace sigprop::profile {

/// The weight of that name; null where the layer has none.
[[nodiscard]] const Weight* find_weight(const Layer& layer, std::string_view name);

/// The gradient norm over all weights of a layer together: what a trainer's gradient clipping sees
/// of it. None where a theory leaves one of them out.
[[nodiscard]] std::optional<Quantity> gradient_norm_of_all(const Layer& layer);

/// A weight's gradient norm over that of all weights of its layer whose gradient the theory has; 0
/// where no step changes any of them. None where the theory leaves the weight out.
[[nodiscard]] std::optional<Quantity> gradient_fraction(const Layer& layer, const Weight& weight);

/// The names of all weights, each once, in the order in which a forward pass meets them.
[[nodiscard]] std::vector<std::string> weight_names(const Profile& profile);

}  // namespace sigprop::profile
