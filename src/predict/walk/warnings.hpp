// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/network/network.hpp"
#include "sigprop/predict/predict.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::predict {

/// Where a model lies outside what the theory covers or was measured on, one sentence each.
[[nodiscard]] std::vector<std::string> warnings_of(const network::Network& network, Theory theory,
                                                   const profile::Profile& profile);

/// All tokens count as alike, though they are not.
[[nodiscard]] std::string warning_of_alike(const std::string& reason);

}  // namespace sigprop::predict
