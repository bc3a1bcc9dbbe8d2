// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "sigprop/network/stack.hpp"
#include "sigprop/scheme/scheme.hpp"

/// Initialization schemes as text, and what one of them sets in a model.
namespace sigprop::report {

void write_schemes_table(std::ostream& out, const std::vector<scheme::Scheme>& schemes);
void write_schemes_csv(std::ostream& out, const std::vector<scheme::Scheme>& schemes);
void write_schemes_json(std::ostream& out, const std::vector<scheme::Scheme>& schemes);

/// An initialized model, for people and trainers.
struct Recipe {
  std::string model;
  std::string scheme;                           ///< with its parameters
  std::vector<network::Stack> stacks;           ///< one, or an encoder and a decoder
  std::optional<network::Embedding> embedding;  ///< none for a model without
  double truncation = 0;                        ///< standard deviations at which the normal is cut; 0 for nowhere
};

/// Every weight with its shape and standard deviation, layer by layer where they differ, and the
/// residual scales.
void write_recipe(std::ostream& out, const Recipe& recipe);

/// A Python module with a function `initialize(model)` that draws a PyTorch model's parameters
/// after the recipe, by the names of torch.nn.TransformerEncoder and of the transformers library.
void write_pytorch(std::ostream& out, const Recipe& recipe);

}  // namespace sigprop::report
