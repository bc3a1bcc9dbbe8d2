// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <utility>

#include "cli/common/check_reports.hpp"
#include "cli/common/prediction.hpp"
#include "cli/common/simulation.hpp"
#include "cli/common/verification.hpp"
#include "sigprop/measured/profile.hpp"
#include "sigprop/report/judgement.hpp"
#include "sigprop/report/verification.hpp"

namespace sigprop::cli {
namespace {

struct VerifyOptions {
  std::string spec;
  TheoryOptions theory;
  std::optional<double> tolerance;
  bool all = false;
  std::string measured;  ///< a file; empty where networks are simulated
  std::optional<std::size_t> networks;
  double level = 1e-3;
  bool given_ends = false;
  CheckReportOptions reports;
  SimulationOptions simulation;
  OutputOptions output;
};

struct VerifyOutcome {
  verify::Verification verification;
  simulate::Result measured;
  std::vector<std::string> warnings;
};

VerifyOutcome verified(const VerifyOptions& options) {
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

/// Is one network judged by the predicted spread, or the mean of many by their scatter?
bool judges_one(const VerifyOptions& options) {
  return !options.measured.empty() || options.simulation.replicates == 1;
}

struct JudgeOutcome {
  verify::Judgement judgement;
  report::JudgedModel model;
};

/// What is judged: of a file, or of one simulated network.
struct Measured {
  std::vector<profile::Measurement> values;
  std::size_t networks = 1;
};

Measured measured_of(const VerifyOptions& options, const network::Network& network, const profile::Profile& predicted) {
  if (options.measured.empty()) {
    const simulate::Result one = simulated(network, options.simulation, options.output.quiet);
    if (one.replicates < 1)
      throw Failure(interrupted_status(), "stopped before the network was done: there is nothing to judge");
    return {verify::measurements_of(one.profile), 1};
  }
  const spec::FileText file = load_text(options.measured);
  try {
    measured::MeasuredProfile read = measured::read_profile(*file.text, shown_path(file.name), predicted);
    return {std::move(read.values), options.networks.value_or(read.networks.value_or(1))};
  } catch (const std::runtime_error& error) {
    throw Failure(wrong_usage, error.what());
  }
}

JudgeOutcome judged(const VerifyOptions& options) {
  const network::Network network = load_model(options.spec, options.output);
  require_spread(network, options.theory, options.spec);
  announce(network, options.theory, options.spec, options.output);
  profile::Profile predicted = prediction(network, options.theory, options.spec);
  const Measured measured = measured_of(options, network, predicted);
  JudgeOutcome out;
  out.judgement = judgement(network, options.theory, options.spec, predicted, measured.values,
                            {measured.networks, options.level, options.given_ends}, options.output.quiet);
  out.model = {options.measured.empty() ? options.spec : options.measured, predicted.name, predicted.warnings};
  return out;
}

void write(std::ostream& out, const VerifyOptions& options, const JudgeOutcome& outcome) {
  if (options.output.format == "csv") return report::write_csv(out, outcome.judgement);
  if (options.output.format == "table") return report::write_table(out, outcome.judgement, outcome.model, options.all);
  report::Provenance provenance{"verify", {{"spec", options.spec}, {"level", options.level}}};
  if (options.measured.empty()) {
    provenance.settings.emplace_back("seed", options.simulation.seed);
  } else {
    provenance.settings.emplace_back("measured", options.measured);
  }
  report::write_json(out, outcome.judgement, outcome.model, provenance);
}

void run_judgement(const VerifyOptions& options) {
  if (options.tolerance)
    throw Failure(wrong_usage, "--tolerance judges the mean of many networks: leave it out, or raise --replicates");
  if (!options.measured.empty() && options.measured != "-") note_input(options.measured);
  require_different_files({options.measured}, options.output.file, files_of(options.reports), "read", "result");
  auto outcome = std::make_shared<JudgeOutcome>();
  const auto checks = std::make_shared<std::vector<report::CheckedSpec>>();
  SideFiles beside;
  add_check_reports(options.reports, checks, beside);
  write_output(options.output, [&] {
    *outcome = judged(options);
    warn(options.output, options.spec, outcome->model.warnings);
    return [&options, outcome](std::ostream& out) { write(out, options, *outcome); };
  });
  checks->push_back(report::checks_of(outcome->judgement, outcome->model));
  beside.write();
  annotate(options.reports, *checks);
  if (!outcome->judgement.agrees())
    throw Failure(failed, shown_path(outcome->model.file) + ": is no network of " + shown_path(options.spec) + ": " +
                              outcome->judgement.sentence);
}

void run_verify(const VerifyOptions& options) {
  if (judges_one(options)) return run_judgement(options);
  for (const auto& [name, given] :
       {std::pair{"--junit", !options.reports.junit.empty()}, std::pair{"--sarif", !options.reports.sarif.empty()},
        std::pair{"--github", options.reports.github}, std::pair{"--networks", options.networks.has_value()},
        std::pair{"--given-ends", options.given_ends}}) {
    if (given)
      throw Failure(
          wrong_usage,
          std::string(name) + " belongs to the judgement of one network: give --measured FILE or --replicates 1");
  }
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
  command
      ->add_option("--measured", options->measured,
                   "Judge this profile, measured elsewhere on one network or a few, by the predicted spread in place "
                   "of a simulation: a result of simulate, part of one, or a CSV; - for standard input")
      ->type_name("FILE");
  command
      ->add_option("--networks", options->networks, "Whose mean the measured profile is; default: what it says, or 1")
      ->check(CLI::Range(1, 1'000'000'000));
  command->add_option("--level", options->level, "Probability that one right network is called off")
      ->check(CLI::Range(1e-12, 0.5))
      ->capture_default_str();
  command->add_flag("--given-ends", options->given_ends,
                    "The input and the loss gradient are one batch, whose moments the spec has: they do not vary");
  add_check_report_options(*command, options->reports, {"the judgement", "what is off"});
  add_simulation_options(*command, options->simulation);
  add_output_options(*command, options->output);
  command->footer(
      "Examples:\n"
      "  sigprop verify specs/deit-small.json --replicates 30\n"
      "  sigprop verify specs/deit-small.json --theory paper --format json --output deit.json\n"
      "  sigprop verify specs/deit-small.json --measured deit-measured.json\n\n"
      "Exit status 1 if they disagree.");
  command->callback([options] { run_verify(*options); });
}

}  // namespace sigprop::cli
