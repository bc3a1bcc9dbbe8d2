// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/command.hpp"
#include "sigprop/report/report.hpp"

namespace sigprop::cli {
namespace {

struct Options {
  std::string name;
  OutputOptions output;
};

/// The formulas whose name is the given one or begins with it.
std::vector<report::Formula> selected(const std::string& name) {
  std::vector<report::Formula> list;
  std::string known;
  for (const report::Formula& formula : report::formulas()) {
    known += std::string(known.empty() ? "" : ", ") + formula.name;
    if (std::string(formula.name).rfind(name, 0) == 0) list.push_back(formula);
  }
  if (list.empty()) throw Failure(wrong_usage, "no formula is called \"" + name + "\"; there are " + known);
  return list;
}

void write(std::ostream& out, const Options& options, const std::vector<report::Formula>& list) {
  if (options.output.format == "json") return report::write_formulas_json(out, list);
  if (options.output.format == "csv") return report::write_formulas_csv(out, list);
  report::write_formulas_table(out, list);
}

}  // namespace

void add_formulas(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("formulas", "The formulas: name, equation, status, source");
  command->add_option("NAME", options->name, "A formula's name or its beginning; all without it");
  add_output_options(*command, options->output);
  command->footer(
      "Examples:\n  sigprop formulas\n  sigprop formulas attention_backward\n  sigprop formulas softmax --format json");
  command->callback([options] {
    write_output(options->output, [&] {
      return [options, list = selected(options->name)](std::ostream& out) { write(out, *options, list); };
    });
  });
}

}  // namespace sigprop::cli
