// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/network/network.hpp"
#include "spec/rule.hpp"

namespace sigprop::spec {

/// The network of a spec that keeps the grammar. What breaks a rule across fields is appended to `errors`; the network is then
/// incomplete and must not be used.
[[nodiscard]] network::Network lower(const Json& spec, std::vector<std::string>& errors);

}  // namespace sigprop::spec
