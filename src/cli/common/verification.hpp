// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/common/prediction.hpp"
#include "cli/common/simulation.hpp"
#include "sigprop/verify/judge.hpp"
#include "sigprop/verify/verify.hpp"

/// A prediction beside a simulation of the same network.
namespace sigprop::cli {

/// Throws Failure where one network alone is asked for.
void require_scatter(std::size_t replicates);

/// tolerance: relative, in place of the theory's own error. Throws Failure where a signal left
/// fewer than two replicates.
[[nodiscard]] verify::Verification verification(const network::Network& network, const profile::Profile& predicted,
                                                const simulate::Result& measured, const SimulationOptions& simulation,
                                                std::optional<double> tolerance);

/// What somebody measured of the network, or one network of our own, judged with the predicted
/// spread. Throws Failure.
struct JudgeSettings {
  std::size_t networks = 1;
  double level = 1e-3;
  bool given_ends = false;
};
[[nodiscard]] verify::Judgement judgement(const network::Network& network, const TheoryOptions& theory,
                                          const std::string& spec, profile::Profile& predicted,
                                          const std::vector<profile::Measurement>& measured,
                                          const JudgeSettings& settings, bool quiet);

/// Would each class of weights have been seen to be drawn 10 % too wide? Predicts the network with
/// each so. Throws Failure.
void add_sights(verify::Verification& verification, const network::Network& network, const TheoryOptions& theory,
                const std::string& spec, const profile::Profile& predicted, const SimulationOptions& simulation,
                bool quiet);

/// Below 30 replicates.
void add_warning_of_few(std::size_t replicates, std::vector<std::string>& warnings);

}  // namespace sigprop::cli
