// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/network/stack.hpp"

namespace sigprop::report {

/// One weight class of a stack, in every layer.
struct RecipeWeight {
  std::string name;
  std::size_t out = 0;  ///< shape (out, in)
  std::size_t in = 0;
  std::vector<double> std;  ///< one a layer
};

/// The weights of a stack's layers in forward order; a cross-attention has those of the
/// self-attention.
[[nodiscard]] std::vector<RecipeWeight> weights_of(const network::Stack& stack);

/// Standard deviations of a stack's biases: of ffn_out, and of all others.
[[nodiscard]] std::vector<double> deviations(const network::Stack& stack, double network::LayerStd::*std);

[[nodiscard]] bool all_equal(const std::vector<double>& values);

/// "stack", or "encoder" and "decoder".
[[nodiscard]] std::string stack_name(const std::vector<network::Stack>& stacks, std::size_t index);

}  // namespace sigprop::report
