// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "sigprop/profile/profile.hpp"

namespace sigprop::profile {

/// The gradient norm over all weights of a layer together: what a trainer's gradient clipping sees of it. None where a theory leaves
/// one of them out.
[[nodiscard]] std::optional<Quantity> gradient_norm_of_all(const Layer& layer);

}  // namespace sigprop::profile
