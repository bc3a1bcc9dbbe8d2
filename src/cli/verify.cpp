// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/common/prediction.hpp"
#include "cli/common/simulation.hpp"
#include "cli/common/verification.hpp"
#include "sigprop/report/verification.hpp"

namespace sigprop::cli {
namespace {

struct VerifyOptions {
  std::string spec;
  TheoryOptions theory;
  std::optional<double> tolerance;
  bool all = false;
  SimulationOptions simulation;
  OutputOptions output;
};

struct VerifyOutcome {
  verify::Verification verification;
  simulate::Result measured;
  std::vector<std::string> warnings;
};

VerifyOutcome verified(const VerifyOptions& options) {
  require_scatter(options.simulation.replicates);
  const network::Network network = load_model(options.spec, options.output);
  announce(network, options.theory, options.spec, options.output);
  const profile::Profile predicted = prediction(network, options.theory, options.spec, options.simulation.tokens);
  VerifyOutcome out;
  out.measured = simulated(network, options.simulation, options.output.quiet);
  out.verification = verification(network, predicted, out.measured, options.simulation, options.tolerance);
  add_sights(out.verification, network, options.theory, options.spec, predicted, options.simulation,
             options.output.quiet);
  out.warnings = predicted.warnings;
  add_warning_of_few(out.measured.replicates, out.warnings);
  return out;
}

void write(std::ostream& out, const VerifyOptions& options, const VerifyOutcome& outcome) {
  report::Provenance provenance{"verify", settings_of(options.simulation, outcome.measured)};
  provenance.settings.insert(provenance.settings.begin(), {{"spec", options.spec}, {"theory", options.theory.name}});
  const report::VerifiedModel model{outcome.measured.profile.name, options.theory.name, outcome.warnings,
                                    outcome.measured.replicates};
  if (options.output.format == "json") return report::write_json(out, outcome.verification, model, provenance);
  if (options.output.format == "csv") return report::write_csv(out, outcome.verification);
  report::write_table(out, outcome.verification, model, options.all);
}

void run_verify(const VerifyOptions& options) {
  auto outcome = std::make_shared<VerifyOutcome>();
  write_output(options.output, [&] {
    *outcome = verified(options);
    warn(options.output, options.spec, outcome->warnings);
    return [&options, outcome](std::ostream& out) { write(out, options, *outcome); };
  });
  end_if_interrupted("replicates");
  if (!outcome->verification.agrees())
    throw Failure(failed, shown_path(options.spec) + ": the theory " + options.theory.name +
                              " disagrees with the simulation: " + outcome->verification.sentence);
}

}  // namespace

void add_verify(CLI::App& app) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* command =
      app.add_subcommand("verify", "Prediction beside simulation: difference, z and verdict for every quantity");
  command->add_option("SPEC", options->spec, "Model as a JSON spec; - for standard input")->required();
  add_theory_options(*command, options->theory);
  command
      ->add_option("--tolerance", options->tolerance,
                   "Relative error to grant in place of the theory's own, such as 0.05")
      ->check(CLI::Range(0.0, 1e6));
  command->add_flag("--all", options->all, "In a table, every comparison");
  add_simulation_options(*command, options->simulation);
  add_output_options(*command, options->output);
  command->footer(
      "Examples:\n"
      "  sigprop verify specs/deit-small.json --replicates 30\n"
      "  sigprop verify specs/deit-small.json --theory paper --format json --output deit.json\n\n"
      "Exit status 1 if they disagree.");
  command->callback([options] { run_verify(*options); });
}

}  // namespace sigprop::cli
