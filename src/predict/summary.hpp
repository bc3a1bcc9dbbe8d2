// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/network/network.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::predict {

/// Depth laws, and verdicts by the network's thresholds, of a profile whose points and layers are complete.
[[nodiscard]] profile::Summary summarize(const profile::Profile& profile, const network::Network& network);

}  // namespace sigprop::predict
