// SPDX-License-Identifier: Apache-2.0
#include "sigprop/check/check.hpp"

#include <memory>
#include <optional>

#include "cli/common/check_reports.hpp"
#include "cli/common/command.hpp"
#include "cli/common/pending_file.hpp"
#include "cli/common/prediction.hpp"
#include "cli/common/progress.hpp"
#include "sigprop/report/checks.hpp"
#include "sigprop/report/plain_text.hpp"

namespace sigprop::cli {
namespace {

using report::CheckedSpec;
using Specs = std::vector<CheckedSpec>;

struct CheckOptions {
  std::vector<std::string> specs;
  TheoryOptions theory;
  std::string preset;
  CheckReportOptions reports;
  OutputOptions output;
};

/// The checks of a spec, and those of the preset asked for.
std::vector<check::Check> checks_of(const CheckOptions& options, const std::string& file,
                                    const spec::ReadResult& read) {
  std::vector<check::Check> checks = read.conditions;
  if (!options.preset.empty()) checks.push_back({"", 0, options.preset, {}});
  if (checks.empty())
    throw Failure(wrong_usage, shown_path(file) + ": has no checks, but must have one: add checks to it, or give " +
                                   "--preset stable");
  return checks;
}

/// Several files may come from a pattern, which finds the schema that lies beside specs.
bool is_left_out(const CheckOptions& options, const spec::ReadResult& read) {
  return read.is_schema && options.specs.size() > 1;
}

/// Returns false for a file that is left out.
bool evaluate(const CheckOptions& options, const spec::ReadResult& read, CheckedSpec& out) {
  for (const std::string& error : read.errors) out.faults.push_back({error, 0});
  if (is_left_out(options, read)) return false;
  if (!read.network) return true;
  out.name = read.network->name;
  const std::vector<check::Check> checks = checks_of(options, out.file, read);
  announce(*read.network, options.theory, out.file, options.output);
  const profile::Profile profile = prediction(*read.network, options.theory, out.file);
  warn(options.output, out.file, profile.warnings);
  check::Evaluation evaluation = check::evaluate(checks, profile, read.network->length());
  out.outcomes = std::move(evaluation.outcomes);
  out.faults = std::move(evaluation.faults);
  for (check::Fault& fault : out.faults) fault.message.insert(0, shown_path(out.file) + ": ");
  return true;
}

/// A spec's outcomes; what is wrong with it stands among its faults and does not end the run, as a
/// report does that would replace a file the spec names. None for a file that is left out.
std::optional<CheckedSpec> checked(const CheckOptions& options, const std::string& file) {
  CheckedSpec out;
  out.file = file;
  const Watch watch({.seconds = options.output.limits.seconds, .gigabytes = 0}, true, shown_path(file));
  const spec::ReadResult read = spec::read_file(file);
  for (const std::string& named : read.files) note_input(named);
  try {
    if (!evaluate(options, read, out)) return {};
  } catch (const Failure& failure) {
    if (failure.status() != wrong_usage) throw;
    out.faults.push_back({failure.what(), 0});
  }
  return out;
}

/// For people; reports for programs escape names in their own ways.
Specs with_plain_names(Specs specs) {
  for (CheckedSpec& spec : specs) {
    spec.name = report::plain_text(spec.name);
    for (check::Outcome& outcome : spec.outcomes) outcome.path = report::plain_text(outcome.path);
  }
  return specs;
}

void write(std::ostream& out, const CheckOptions& options, const Specs& specs) {
  if (options.output.format == "csv") return report::write_checks_csv(out, specs);
  if (options.output.format == "table") return report::write_checks_table(out, with_plain_names(specs));
  report::Provenance provenance{"check", {{"theory", options.theory.name}}};
  if (!options.preset.empty()) provenance.settings.emplace_back("preset", options.preset);
  report::write_checks_json(out, specs, provenance);
}

/// Ends the program with 2 where a spec is wrong, else with 1 where a check failed.
void conclude(const Specs& specs) {
  std::string faults;
  std::size_t failed = 0, checks = 0;
  for (const CheckedSpec& spec : specs) {
    for (const check::Fault& fault : spec.faults) faults += (faults.empty() ? "" : "\n") + fault.message;
    for (const check::Outcome& outcome : spec.outcomes) failed += outcome.passed() ? 0 : 1;
    checks += spec.outcomes.size();
  }
  if (!faults.empty()) throw Failure(wrong_usage, faults);
  if (failed > 0) {
    throw Failure(sigprop::cli::failed, std::to_string(failed) + " of " + std::to_string(checks) +
                                            " checks failed; sigprop predict SPEC shows a model at every point");
  }
}

void run_check(const CheckOptions& options) {
  require_different_files(options.specs, options.output.file, files_of(options.reports), "a spec", "checks");
  auto specs = std::make_shared<Specs>();
  SideFiles reports;
  add_check_reports(options.reports, specs, reports);
  OutputOptions output = options.output;
  output.limits.seconds = 0;  // which each spec has for itself
  write_output(output, [&] {
    ProgressLine progress(options.output.quiet);
    const auto begin = std::chrono::steady_clock::now();
    std::size_t done = 0;
    for (const std::string& file : options.specs) {
      if (done > 0) progress.show("spec", done, options.specs.size(), 0, seconds_since(begin));
      ++done;
      if (auto spec = checked(options, file)) {
        specs->push_back(std::move(*spec));
      } else if (!options.output.quiet) {
        say(shown_path(file) + ": is a JSON Schema, not a spec: left out");
      }
    }
    if (specs->empty()) throw Failure(wrong_usage, "all files are JSON Schemas, but at least one must be a spec");
    return [&options, specs](std::ostream& out) { write(out, options, *specs); };
  });
  reports.write();
  annotate(options.reports, *specs);
  conclude(*specs);
}

}  // namespace

void add_check(CLI::App& app) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* command = app.add_subcommand("check", "What must hold of models, from their specs' checks, for CI");
  command->add_option("SPEC", options->specs, "Models as JSON specs; - for standard input")->required();
  add_theory_options(*command, options->theory);
  command->add_option("--preset", options->preset, "Check this preset too, in every spec")
      ->check(CLI::IsMember(check::preset_names()));
  add_check_report_options(*command, options->reports, {"the checks", "the failures"});
  options->output.limits = {.seconds = 300, .gigabytes = 4};  // specs of others are not trusted
  add_output_options(*command, options->output);
  command->footer(
      "Examples:\n"
      "  sigprop check specs/bert-base.json specs/bert-large.json\n"
      "  sigprop check specs/vit-base.json --preset stable --junit checks.xml\n\n"
      "Exit status 1 if a check fails, 2 if a spec is wrong.");
  command->callback([options] { run_check(*options); });
}

}  // namespace sigprop::cli
