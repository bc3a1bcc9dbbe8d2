// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/common/prediction.hpp"
#include "cli/common/verification.hpp"
#include "sigprop/predict/spread.hpp"
#include "sigprop/report/page.hpp"

namespace sigprop::cli {
namespace {

struct ReportOptions {
  std::string spec;
  TheoryOptions theory;
  std::optional<std::size_t> replicates;  ///< random networks beside the theory; none: theory alone
  bool spread = false;
  SimulationOptions simulation;
  OutputOptions output;
};

std::vector<std::pair<std::string, std::string>> facts_of(const spec::ReadResult& read,
                                                          const profile::Profile& profile) {
  const network::Network& network = *read.network;
  std::vector<std::pair<std::string, std::string>> out{{"layers", std::to_string(profile.layers.size())},
                                                       {"width", std::to_string(network.width)}};
  if (!read.stacks.empty()) {
    const network::Stack& stack = read.stacks.back();
    out.insert(out.end(), {{"heads", std::to_string(stack.attention.heads)},
                           {"feed-forward width", std::to_string(stack.ffn_width)},
                           {"norms", network::norm_name(stack)}});
  }
  out.insert(out.end(),
             {{"tokens", std::to_string(network.sequence_length)}, {"sequences", std::to_string(network.batch)}});
  return out;
}

/// The spec's own checks, and all presets.
report::CheckedSpec checked(const std::string& file, const spec::ReadResult& read, const profile::Profile& profile) {
  std::vector<check::Check> checks = read.conditions;
  for (const std::string& preset : check::preset_names()) checks.push_back({"", 0, preset, {}});
  check::Evaluation evaluation = check::evaluate(checks, profile, read.network->length());
  return {file, read.network->name, std::move(evaluation.outcomes), std::move(evaluation.faults)};
}

void simulate(const ReportOptions& options, const network::Network& network, report::Page& page) {
  SimulationOptions settings = options.simulation;
  settings.replicates = *options.replicates;
  const simulate::Result measured = simulated(network, settings, options.output.quiet);
  page.verification = verification(network, page.predicted, measured, settings, {});
  page.measured = measured.profile;
  add_warning_of_few(measured.replicates, page.predicted.warnings);
  for (const auto& setting : settings_of(settings, measured)) {
    if (setting.first != "seconds") page.provenance.settings.push_back(setting);  // alike runs write alike pages
  }
}

report::Page page_of(const ReportOptions& options) {
  if (options.replicates) require_scatter(*options.replicates);
  const spec::FileText file = load_text(options.spec);
  const spec::ReadResult read = spec::read_text(*file.text, file.name, spec::folder_of(file.name));
  require_good(read);
  if (options.spread) require_spread(*read.network, options.theory, options.spec);
  report::Page page;
  announce(*read.network, options.theory, options.spec, options.output);
  page.predicted = prediction(*read.network, options.theory, options.spec);
  if (options.spread)
    explained(options.spec, [&] { predict::Spread(*read.network, {options_of(options.theory)}).set(page.predicted); });
  page.facts = facts_of(read, page.predicted);
  page.checked = checked(options.spec, read, page.predicted);
  page.spec = *file.text;
  page.provenance = {"report", {{"spec", options.spec}, {"theory", options.theory.name}}};
  if (!page.predicted.prefix.empty()) page.provenance.settings.emplace_back("prefix", page.predicted.prefix);
  if (page.predicted.sequences > 0)
    page.provenance.settings.emplace_back("sequences", std::uint64_t{page.predicted.sequences});
  if (options.replicates) simulate(options, *read.network, page);
  warn(options.output, options.spec, page.predicted.warnings);
  return page;
}

void run_report(const ReportOptions& options) {
  write_output(options.output, [&] {
    const auto page = std::make_shared<report::Page>(page_of(options));
    return [page](std::ostream& out) { report::write_page(out, *page); };
  });
  end_if_interrupted("replicates");
}

}  // namespace

void add_report(CLI::App& app) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App* command = app.add_subcommand("report", "A model's whole state as one HTML page with interactive curves");
  command->add_option("SPEC", options->spec, "Model as a JSON spec; - for standard input")->required();
  command
      ->add_option("-o,--output", options->output.file,
                   "Write the page to FILE, whole or not at all; - for standard output")
      ->type_name("FILE")
      ->required();
  add_theory_options(*command, options->theory);
  command->add_option("--replicates", options->replicates, "Draw so many random networks beside the theory")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000000));
  command->add_flag("--spread", options->spread, "Shade where single networks lie around the theory");
  add_drawing_options(*command, options->simulation);
  command->add_flag("--quiet", options->output.quiet, "No progress and no warnings on standard error");
  command->footer(
      "Examples:\n"
      "  sigprop report specs/bert-base.json -o bert.html\n"
      "  sigprop report specs/deit-small.json --replicates 30 -o deit.html\n\n"
      "The page needs no network and no other file.");
  command->callback([options] { run_report(*options); });
}

}  // namespace sigprop::cli
