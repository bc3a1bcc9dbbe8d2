// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/command.hpp"
#include "sigprop/network/network.hpp"
#include "sigprop/predict/predict.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::cli {

/// Options of the commands that predict.
struct TheoryOptions {
  std::string name = "full";
  std::string prefix;  ///< empty: by the sequence length
};

void add_theory_options(CLI::App& command, TheoryOptions& options);

/// The profile of a network by theory. Throws Failure, naming the spec's file, for a model without one.
/// tokens: what it lists of them.
[[nodiscard]] profile::Profile prediction(const network::Network& network, const TheoryOptions& theory,
                                          const std::string& spec, const profile::TokenLists& tokens = {});
[[nodiscard]] profile::Profile prediction(predict::Predictor& predictor, const network::Network& network,
                                          const TheoryOptions& theory, const std::string& spec,
                                          const profile::TokenLists& tokens = {});

}  // namespace sigprop::cli
