// SPDX-License-Identifier: Apache-2.0
// The one place where a prediction and a simulation of the same network meet.
#include "sigprop/verify/verify.hpp"

#include <algorithm>
#include <memory>

#include "cli/prediction.hpp"
#include "cli/simulation.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/report/verification.hpp"

namespace sigprop::cli {
namespace {

struct Options {
  std::string spec;
  TheoryOptions theory;
  std::optional<double> tolerance;
  bool all = false;
  SimulationOptions simulation;
  OutputOptions output;
};

bool holds_norm(const std::vector<network::Component>& list) {
  return list.size() == 1 && std::holds_alternative<network::Norm>(list.front().op);
}

/// What of the components the model error depends on.
void look_at(const std::vector<network::Component>& list, bool in_branch, verify::Model& model) {
  for (const network::Component& component : list) {
    const bool outer = !in_branch && std::holds_alternative<network::Repeat>(component.op);
    for (const auto* inner : network::lists_in(component)) look_at(*inner, !outer, model);
    const auto* residual = std::get_if<network::Residual>(&component.op);
    if (residual != nullptr && residual->skip == 0 && holds_norm(residual->of) && !in_branch)
      model.post_norm = true;  // with a gain
    const auto* attention = std::get_if<network::Attention>(&component.op);
    const auto* norm = std::get_if<network::Norm>(&component.op);
    if (attention != nullptr) {
      const auto head_width = static_cast<double>(attention->head_width);
      model.head_width = model.head_width > 0 ? std::min(model.head_width, head_width) : head_width;
    }
    if (norm != nullptr && !in_branch && !component.point.empty()) model.post_norm = true;
    if (attention != nullptr || norm != nullptr || std::holds_alternative<network::Activation>(component.op) ||
        std::holds_alternative<network::GatedLinear>(component.op))
      model.exact = false;
  }
}

verify::Model model_of(const network::Network& network) {
  verify::Model model;
  model.exact = true;
  for (const auto* list : {&network.input, &network.encoder, &network.body}) look_at(*list, false, model);
  model.width = static_cast<double>(network.width);
  model.sequence_length = network.sequence_length;
  for (const network::Outline::Point& point : network::outline_of(network).points)
    model.width = std::min(model.width, static_cast<double>(point.width));
  return model;
}

struct Outcome {
  verify::Verification verification;
  simulate::Result measured;
  std::vector<std::string> warnings;
};

Outcome verified(const Options& options) {
  constexpr std::size_t enough = 30;
  if (options.simulation.replicates < 2)
    throw Failure(wrong_usage,
                  "--replicates is 1, but must be at least 2: one network tells nothing about the scatter");
  const network::Network network = *load(options.spec).network;
  const profile::Profile predicted = prediction(network, options.theory, options.spec, options.simulation.tokens);
  Outcome out;
  out.measured = simulated(network, options.simulation, options.output.quiet);
  if (out.measured.replicates < 2)
    throw Failure(interrupted_status(), "stopped before two replicates were done: there is nothing to verify");
  verify::Options how;
  how.replicates = out.measured.replicates;
  how.tolerance = options.tolerance;
  how.rounding = rounding_of(options.simulation.engine.precise());
  out.verification = verify::verify(predicted, out.measured.profile, model_of(network), how);
  out.warnings = predicted.warnings;
  if (out.measured.replicates < enough) {
    out.warnings.push_back(
        std::to_string(out.measured.replicates) +
        " replicates are few: below 30 the standard errors themselves are uncertain, and little can be seen");
  }
  return out;
}

void write(std::ostream& out, const Options& options, const Outcome& outcome) {
  report::Provenance provenance{"verify", settings_of(options.simulation, outcome.measured)};
  provenance.settings.insert(provenance.settings.begin(), {{"spec", options.spec}, {"theory", options.theory.name}});
  const report::VerifiedModel model{outcome.measured.profile.name, options.theory.name, outcome.warnings,
                                    outcome.measured.replicates};
  if (options.output.format == "json") return report::write_json(out, outcome.verification, model, provenance);
  if (options.output.format == "csv") return report::write_csv(out, outcome.verification);
  report::write_table(out, outcome.verification, model, options.all);
}

void run(const Options& options) {
  auto outcome = std::make_shared<Outcome>();
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
  auto options = std::make_shared<Options>();
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
  command->callback([options] { run(*options); });
}

}  // namespace sigprop::cli
