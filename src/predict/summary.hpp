// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/network/network.hpp"
#include "sigprop/predict/predict.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::predict {

/// Depth laws and verdicts of a profile whose points and layers are complete.
[[nodiscard]] profile::Summary summarize(const profile::Profile& profile, const network::Thresholds& thresholds);

/// Where this network lies outside what a theory was measured on, one sentence each.
[[nodiscard]] std::vector<std::string> warnings_of(const network::Network& network, Theory theory);

}  // namespace sigprop::predict
