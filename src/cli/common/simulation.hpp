// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "cli/common/command.hpp"
#include "sigprop/report/report.hpp"
#include "sigprop/simulate/simulate.hpp"

/// What the commands that simulate share.
namespace sigprop::cli {

/// Says on standard error what was damaged in a checkpoint.
void warn_of_loss(const std::string& warning);

/// Check sums, one a line, of what the files hold that a network's input names.
[[nodiscard]] std::string sums_of_files(const network::Network& network);

/// What computes, as given.
struct EngineOptions {
  std::string engine = "cpu";
  std::optional<int> device;
  std::string precision = "float32";

  [[nodiscard]] simulate::Engine kind() const;
  [[nodiscard]] simulate::Precision precise() const;
};

void add_engine_options(CLI::App& command, EngineOptions& options);

/// Their options, as given.
struct SimulationOptions {
  std::size_t replicates = 32;
  std::uint64_t seed = 0;
  EngineOptions engine;
  double norm_epsilon = 1e-12;
  double largest_rank = 256;
  profile::TokenLists tokens;
  int threads = 0;
  std::uint64_t memory = 0;  ///< bytes; 0 for the default
  std::string checkpoint;
  std::string resume;
  bool verbose = false;
};

/// Matrices come and go all the time: memory given back to the system would be cleared by it at
/// every return.
void keep_freed_memory();

void add_simulation_options(CLI::App& command, SimulationOptions& options);

/// Those that tell how networks are drawn and computed, without how many and what is listed of
/// them.
void add_drawing_options(CLI::App& command, SimulationOptions& options);

/// The measured profile of a spec's network, with progress on a terminal. Ctrl-C and SIGTERM end it
/// with what is measured so far. Throws Failure.
[[nodiscard]] simulate::Result simulated(const network::Network& network, const SimulationOptions& options, bool quiet);

/// The relative error of a measured moment that comes of the numbers' precision; measured,
/// docs/gpu.md.
[[nodiscard]] double rounding_of(simulate::Precision precision);

/// What a result tells of the simulation that made it.
[[nodiscard]] std::vector<std::pair<std::string, report::Provenance::Value>> settings_of(
    const SimulationOptions& options, const simulate::Result& result);

/// Exit status of a program that a signal ended: 130 or 143.
[[nodiscard]] Status interrupted_status();

/// Ends the program as one that a signal ended, after its partial result of so many "replicates",
/// "settings" is written. Does nothing where no signal came.
void end_if_interrupted(const std::string& pieces);

}  // namespace sigprop::cli
