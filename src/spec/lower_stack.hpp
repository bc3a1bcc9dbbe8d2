// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sigprop/network/stack.hpp"
#include "spec/rule.hpp"

namespace sigprop::spec {

/// A stack of a spec, initialized by `init`, and what that says beyond the stack.
struct LoweredStack {
  network::Stack stack;
  std::optional<double> embedding_std;
  double truncation = 0;  ///< of the scheme's normal, 0 for none
};

/// The spec's stack of that key (stack, encoder or decoder). `model` has the input already.
[[nodiscard]] LoweredStack lower_stack(const Json& spec, const std::string& key, const network::Network& model,
                                       std::vector<std::string>& errors);

/// Heads and widths of an attention object at `pointer`; checks that heads divide what they must
/// and that L allows attention.
[[nodiscard]] network::Attention lower_attention(const Json& json, std::size_t width, double sequence_length,
                                                 const std::string& pointer, std::vector<std::string>& errors);

/// An error where a token is to take more experts than there are.
void check_top_k(std::size_t chosen, std::size_t count, const std::string& pointer, std::vector<std::string>& errors);

}  // namespace sigprop::spec
