// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/check/check.hpp"
#include "sigprop/network/network.hpp"
#include "spec/rule.hpp"

namespace sigprop::spec {

/// The checks of a spec that keeps the grammar. What breaks a rule across fields is appended to
/// `errors`. `lines`: where each begins.
[[nodiscard]] std::vector<check::Check> lower_checks(const Json& spec, const std::vector<std::size_t>& lines,
                                                     std::vector<std::string>& errors);

/// Checks look at layers that the network has; those that do not are appended to `errors`.
void require_layers(const std::vector<check::Check>& checks, const network::Network& network,
                    std::vector<std::string>& errors);

}  // namespace sigprop::spec
