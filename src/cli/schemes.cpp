// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/common/command.hpp"
#include "cli/common/scheme_choice.hpp"
#include "sigprop/report/schemes.hpp"

namespace sigprop::cli {
namespace {

struct SchemesOptions {
  std::string name;
  OutputOptions output;
};

void write(std::ostream& out, const SchemesOptions& options, const std::vector<scheme::Scheme>& list) {
  if (options.output.format == "json") return report::write_schemes_json(out, list);
  if (options.output.format == "csv") return report::write_schemes_csv(out, list);
  report::write_schemes_table(out, list);
}

}  // namespace

void add_schemes(CLI::App& app) {
  auto options = std::make_shared<SchemesOptions>();
  CLI::App* command = app.add_subcommand("schemes", "The initialization schemes: formulas, parameters, source");
  command->add_option("NAME", options->name, "One scheme; all without it");
  add_output_options(*command, options->output);
  command->footer("Examples:\n  sigprop schemes\n  sigprop schemes deepscalelm\n  sigprop schemes --format csv");
  command->callback([options] {
    write_output(options->output, [&] {
      const auto list =
          options->name.empty() ? scheme::schemes() : std::vector<scheme::Scheme>{known_scheme(options->name)};
      return [options, list](std::ostream& out) { write(out, *options, list); };
    });
  });
}

}  // namespace sigprop::cli
