// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/common/command.hpp"
#include "sigprop/report/report.hpp"
#include "sigprop/spec/write.hpp"

namespace sigprop::cli {
namespace {

struct Options {
  bool results = false;
  OutputOptions output;
};

}  // namespace

void add_schema(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("schema", "The JSON Schema of a spec, or the quantities of a result");
  command->add_flag("--results", options->results,
                    "Print the quantities that a result holds instead, as Markdown tables: name, unit and meaning");
  command->add_option("--output", options->output.file, "Write the schema to FILE, whole or not at all")
      ->type_name("FILE");
  command->footer("Examples:\n  sigprop schema --output sigprop.schema.json\n  sigprop schema --results");
  command->callback([options] {
    write_output(options->output, [options] {
      return [options](std::ostream& out) {
        if (options->results) return report::write_quantities(out);
        out << spec::schema_text();
      };
    });
  });
}

}  // namespace sigprop::cli
