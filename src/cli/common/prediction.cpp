// SPDX-License-Identifier: Apache-2.0
#include "cli/common/prediction.hpp"

#include <cstdio>

#include "cli/common/progress.hpp"
#include "sigprop/predict/predict.hpp"
#include "sigprop/predict/spread.hpp"

namespace sigprop::cli {

predict::Prefix prefix_of(const TheoryOptions& theory) {
  return predict::prefix_named(theory.prefix);
}

predict::Options options_of(const TheoryOptions& theory, const profile::TokenLists& tokens) {
  return {prefix_of(theory), tokens, theory.sequences};
}

predict::Theory theory_of(const TheoryOptions& theory) {
  return predict::theory_named(theory.name);
}

check::Condition reading_of(const std::string& option, const std::string& quantity) {
  try {
    return check::reading_of(quantity);
  } catch (const std::invalid_argument& error) {
    throw Failure(wrong_usage, option + " " + error.what());
  }
}

void require_spread(const network::Network& network, const TheoryOptions& theory, const std::string& spec) {
  if (theory.name != "full")
    throw Failure(wrong_usage, "--theory " + theory.name + " has no spread between networks: use --theory full");
  explained(spec, [&] { predict::require_spread_covered(network); });
}

void add_theory_options(CLI::App& command, TheoryOptions& options) {
  command.add_option("--theory", options.name, "full, or the formulas as published")
      ->check(CLI::IsMember({"full", "paper"}))
      ->capture_default_str();
  command
      .add_option(
          "--prefix", options.prefix,
          "Under a causal mask, a row's prefix as its actual tokens in groups of neighbours, each by itself, or as "
          "their means")
      ->check(CLI::IsMember({"actual", "single", "means"}))
      ->capture_default_str();
  command
      .add_option(
          "--sequences", options.sequences,
          "Without a mask, or in an encoder: the words of so many sequences of the embedding, whose tokens then "
          "differ; 0: all tokens are alike; default 2 to 8, fewer for more than 12 layers or 512 tokens")
      ->check(CLI::Range(0, 1000));
}

void announce(const network::Network& network, const TheoryOptions& theory, const std::string& spec,
              const OutputOptions& output, const profile::TokenLists& tokens, double predictions) {
  constexpr double long_time = 10, much_memory = 1;
  predict::Estimate estimate =
      explained(spec, [&] { return predict::estimate(network, theory_of(theory), options_of(theory, tokens)); });
  estimate.seconds *= predictions;
  char memory[32];
  std::snprintf(memory, sizeof memory, "%.1f GB", estimate.gigabytes);
  if (output.limits.gigabytes > 0 && estimate.gigabytes > output.limits.gigabytes)
    throw Failure(machine, shown_path(spec) + ": would take about " + memory +
                               ", more than --max-memory allows: raise it, or " +
                               (tokens.any() ? "leave out --tokens and --gram" : "predict fewer layers"));
  if (output.quiet || (estimate.seconds < long_time && estimate.gigabytes < much_memory)) return;
  say(shown_path(spec) + ": will take about " + duration(estimate.seconds) + " and " + memory);
}

profile::Profile prediction(const network::Network& network, const TheoryOptions& theory, const std::string& spec,
                            const profile::TokenLists& tokens) {
  predict::Predictor predictor;
  return prediction(predictor, network, theory, spec, tokens);
}

profile::Profile prediction(predict::Predictor& predictor, const network::Network& network, const TheoryOptions& theory,
                            const std::string& spec, const profile::TokenLists& tokens) {
  return explained(spec, [&] { return predictor(network, theory_of(theory), options_of(theory, tokens)); });
}

}  // namespace sigprop::cli
