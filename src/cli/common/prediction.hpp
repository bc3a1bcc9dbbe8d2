// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "cli/common/command.hpp"
#include "sigprop/check/check.hpp"
#include "sigprop/network/network.hpp"
#include "sigprop/predict/named.hpp"
#include "sigprop/predict/predict.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::cli {

/// Options of the commands that predict.
struct TheoryOptions {
  std::string name = "full";
  std::string prefix = "actual";
  std::optional<std::size_t> sequences = {};  ///< of words; 0: tokens count as alike
};

/// As the library names them.
[[nodiscard]] predict::Theory theory_of(const TheoryOptions& theory);
[[nodiscard]] predict::Prefix prefix_of(const TheoryOptions& theory);
[[nodiscard]] predict::Options options_of(const TheoryOptions& theory, const profile::TokenLists& tokens = {});

/// What `work` returns, which predicts. Throws Failure, naming the spec's file, for a model without
/// a prediction.
template <class Work>
[[nodiscard]] auto explained(const std::string& spec, const Work& work) {
  try {
    return work();
  } catch (const predict::NotCovered& error) {
    throw Failure(wrong_usage, shown_path(spec) + ": " + error.what());
  } catch (const std::domain_error& error) {
    throw Failure(wrong_usage, shown_path(spec) + ": " + predict::no_moments(error));
  } catch (const std::overflow_error& error) {
    throw Failure(wrong_usage, shown_path(spec) + ": " + error.what());
  }
}

/// A quantity at its place, as an option names it. Throws Failure.
[[nodiscard]] check::Condition reading_of(const std::string& option, const std::string& quantity);

/// Throws Failure where a spread is asked for that the theory does not have, before anything is
/// predicted.
void require_spread(const network::Network& network, const TheoryOptions& theory, const std::string& spec);

void add_theory_options(CLI::App& command, TheoryOptions& options);

/// Tells what so many predictions will take, the lists of tokens that are written included, where
/// that is more than some seconds or a gigabyte. Throws Failure where it is more memory than is
/// allowed.
void announce(const network::Network& network, const TheoryOptions& theory, const std::string& spec,
              const OutputOptions& output, const profile::TokenLists& tokens = {}, double predictions = 1);

/// The profile of a network by theory. Throws Failure, naming the spec's file, for a model without
/// one.
/// tokens: what it lists of them.
[[nodiscard]] profile::Profile prediction(const network::Network& network, const TheoryOptions& theory,
                                          const std::string& spec, const profile::TokenLists& tokens = {});
[[nodiscard]] profile::Profile prediction(predict::Predictor& predictor, const network::Network& network,
                                          const TheoryOptions& theory, const std::string& spec,
                                          const profile::TokenLists& tokens = {});

}  // namespace sigprop::cli
