// SPDX-License-Identifier: Apache-2.0
#include "sigprop/predict/predict.hpp"

#include <memory>

#include "cli/common/command.hpp"
#include "cli/common/prediction.hpp"
#include "cli/common/sensitivity.hpp"
#include "cli/common/terminal.hpp"
#include "sigprop/predict/spread.hpp"
#include "sigprop/report/report.hpp"

namespace sigprop::cli {
namespace {

struct PredictOptions {
  std::string spec;
  TheoryOptions theory;
  bool all = false;
  bool legend = false;
  bool plot = false;
  std::string spread;  ///< "deviations" or "covariance"; empty for none
  bool given_ends = false;
  std::string sensitivity;  ///< the quantity; empty for the profile
  profile::TokenLists tokens;
  OutputOptions output;
};

void write(std::ostream& out, const PredictOptions& options, const profile::Profile& profile,
           const std::vector<profile::DeviationRow>& rows) {
  if (options.output.format == "csv") return report::write_csv(out, profile);
  if (options.plot) return report::write_plot(out, profile, terminal_columns());
  if (options.output.format == "table") {
    report::write_table(out, profile, options.all);
    if (options.legend) report::write_legend(out);
    return;
  }
  report::write_json(out, profile, {"predict", {{"spec", options.spec}, {"theory", options.theory.name}}}, rows);
}

void write(std::ostream& out, const PredictOptions& options, const report::Sensitivity& sensitivity) {
  if (options.output.format == "csv") return report::write_csv(out, sensitivity);
  if (options.output.format == "table") return report::write_table(out, sensitivity);
  report::write_json(out, sensitivity, {"predict", {{"spec", options.spec}, {"theory", options.theory.name}}});
}

void run_sensitivity(const PredictOptions& options) {
  if (options.plot || options.all || !options.spread.empty() || options.tokens.any())
    throw Failure(
        wrong_usage,
        "--sensitivity takes the place of the profile: leave out --plot, --all, --spread, --tokens and --gram");
  write_output(options.output, [&] {
    const auto found = std::make_shared<report::Sensitivity>(sensitivity(
        load_model(options.spec, options.output), options.theory, options.spec, options.sensitivity, options.output));
    warn(options.output, options.spec, found->warnings);
    return [&options, found](std::ostream& out) { write(out, options, *found); };
  });
}

void run_predict(const PredictOptions& options) {
  if (!options.sensitivity.empty()) return run_sensitivity(options);
  require_place_for_tokens(options.tokens, options.output);
  if (options.spread == "covariance" && options.output.format != "json")
    throw Failure(wrong_usage, "--spread=covariance is a matrix, which only --format json has a place for");
  if (options.given_ends && options.spread.empty())
    throw Failure(wrong_usage, "--given-ends tells what does not vary: it belongs to --spread");
  if (options.plot && options.output.format != "table")
    throw Failure(wrong_usage, "--plot draws in the terminal, which --format " + options.output.format +
                                   " has no place for: leave one of them out");
  write_output(options.output, [&] {
    const network::Network network = load_model(options.spec, options.output);
    if (!options.spread.empty()) require_spread(network, options.theory, options.spec);
    announce(network, options.theory, options.spec, options.output, options.tokens);
    const auto profile =
        std::make_shared<profile::Profile>(prediction(network, options.theory, options.spec, options.tokens));
    const auto rows = std::make_shared<std::vector<profile::DeviationRow>>();
    if (!options.spread.empty()) {
      const predict::SpreadOptions how{options_of(options.theory), options.given_ends};
      explained(options.spec, [&] {
        const predict::Spread spread(network, how);
        spread.set(*profile);
        if (options.spread == "covariance") *rows = spread.rows();
      });
    }
    warn(options.output, options.spec, profile->warnings);
    return [&options, profile, rows](std::ostream& out) { write(out, options, *profile, *rows); };
  });
}

}  // namespace

void add_predict(CLI::App& app) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* command = app.add_subcommand("predict", "Layer-by-layer moments of a model, from theory");
  command->add_option("SPEC", options->spec, "Model as a JSON spec; - for standard input")->required();
  add_theory_options(*command, options->theory);
  command->add_flag("--all", options->all, "In a table, every point of a long model");
  command->add_flag("--legend", options->legend, "Explain the table's words below it");
  command->add_flag("--plot", options->plot, "Draw variance and gradient against depth in place of the table");
  command
      ->add_option(
          "--sensitivity", options->sensitivity,
          "In place of the profile, how a quantity such as \"backward.variance first/last\" follows every number "
          "of the model, ranked")
      ->type_name("QUANTITY");
  command
      ->add_flag("--spread{deviations}", options->spread,
                 "Beside the means, how far one random network lies from them: the standard deviation of a quantity's "
                 "logarithm, of a correlation itself; --spread=covariance: in JSON also the covariance between places")
      ->check(CLI::IsMember({"deviations", "covariance"}));
  command->add_flag("--given-ends", options->given_ends,
                    "With --spread: the input and the loss gradient are one batch, whose moments the spec has, and do "
                    "not vary");
  add_tokens_option(*command, options->tokens);
  add_gram_option(*command, options->tokens);
  add_output_options(*command, options->output);
  command->footer(
      "Examples:\n"
      "  sigprop predict specs/bert-base.json\n"
      "  sigprop predict specs/figure-192-xavier-pre.json --plot\n"
      "  sigprop predict specs/bert-base.json --theory paper --format json --output bert.json\n"
      "  sigprop predict specs/bert-base.json --sensitivity \"backward.variance first/last\"\n"
      "  sigprop expand specs/bert-base.json | sigprop predict - --format csv");
  command->callback([options] { run_predict(*options); });
}

}  // namespace sigprop::cli
