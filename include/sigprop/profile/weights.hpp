// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sigprop/profile/profile.hpp"

namespace sigprop::profile {

/// The gradient norm of the weight of that name; none where the layer has no such weight, or the theory no norm of it.
[[nodiscard]] std::optional<Quantity> gradient_norm_of(const Layer& layer, const std::string& weight);

/// The gradient norm over all weights of a layer together: what a trainer's gradient clipping sees of it. None where a theory leaves
/// one of them out.
[[nodiscard]] std::optional<Quantity> gradient_norm_of_all(const Layer& layer);

/// The names of all weights, each once, in the order in which a forward pass meets them.
[[nodiscard]] std::vector<std::string> weight_names(const Profile& profile);

}  // namespace sigprop::profile
