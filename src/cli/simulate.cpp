// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/common/simulation.hpp"

namespace sigprop::cli {
namespace {

struct SimulateOptions {
  std::string spec;
  bool all = false;
  bool legend = false;
  SimulationOptions simulation;
  OutputOptions output;
};

void write(std::ostream& out, const SimulateOptions& options, const simulate::Result& result) {
  if (options.output.format == "csv") return report::write_csv(out, result.profile);
  if (options.output.format == "table") {
    report::write_table(out, result.profile, options.all);
    out << "measured   on " << result.replicates << (result.replicates == 1 ? " random network" : " random networks")
        << (result.partial ? " (partial: stopped before all were done)" : "") << ", seed " << options.simulation.seed
        << '\n';
    if (options.legend) report::write_legend(out);
    return;
  }
  report::Provenance provenance{"simulate", settings_of(options.simulation, result)};
  provenance.settings.insert(provenance.settings.begin(), {"spec", options.spec});
  report::write_json(out, result.profile, provenance);
}

void run_simulate(const SimulateOptions& options) {
  require_place_for_tokens(options.simulation.tokens, options.output);
  write_output(options.output, [&] {
    const network::Network network = load_model(options.spec, options.output);
    const auto result =
        std::make_shared<simulate::Result>(simulated(network, options.simulation, options.output.quiet));
    return [&options, result](std::ostream& out) { write(out, options, *result); };
  });
  end_if_interrupted("replicates");
}

}  // namespace

void add_simulate(CLI::App& app) {
  auto options = std::make_shared<SimulateOptions>();
  CLI::App* command = app.add_subcommand("simulate", "The moments that predict computes, measured on random networks");
  command->add_option("SPEC", options->spec, "Model as a JSON spec; - for standard input")->required();
  command->add_flag("--all", options->all, "In a table, every point of a long model");
  command->add_flag("--legend", options->legend, "Explain the table's words below it");
  add_simulation_options(*command, options->simulation);
  add_gram_option(*command, options->simulation.tokens);
  add_output_options(*command, options->output);
  command->footer(
      "Examples:\n"
      "  sigprop simulate specs/deit-small.json --replicates 8\n"
      "  sigprop simulate specs/bert-base.json --checkpoint bert.run --format json --output bert.json\n"
      "  sigprop simulate specs/bert-base.json --resume bert.run --replicates 100 --format json --output bert.json");
  command->callback([options] { run_simulate(*options); });
}

}  // namespace sigprop::cli
