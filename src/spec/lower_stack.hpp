// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sigprop/network/network.hpp"
#include "spec/rule.hpp"

namespace sigprop::spec {

/// The components of the spec's stack of that key (stack, encoder or decoder), initialized by `init`. `embedding_std` receives what
/// scheme or std say of the embedding.
[[nodiscard]] std::vector<network::Component> lower_stack(const Json& spec, const std::string& key,
                                                          std::optional<double>& embedding_std,
                                                          std::vector<std::string>& errors);

/// Heads and widths of an attention object at `pointer`; checks that heads divide what they must and that L allows attention.
[[nodiscard]] network::Attention lower_attention(const Json& json, std::size_t width, double sequence_length,
                                                 const std::string& pointer, std::vector<std::string>& errors);

}  // namespace sigprop::spec
