// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/network/network.hpp"
#include "spec/rule.hpp"

namespace sigprop::spec {

/// Fills `out.width` and `out.body` from the spec's component list; widths must fit from one
/// component to the next.
void lower_components(const Json& spec, network::Network& out, std::vector<std::string>& errors);

}  // namespace sigprop::spec
