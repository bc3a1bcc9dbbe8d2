// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/command.hpp"
#include "sigprop/spec/write.hpp"

namespace sigprop::cli {

void add_schema(CLI::App& app) {
  auto output = std::make_shared<OutputOptions>();
  CLI::App* command = app.add_subcommand("schema", "The JSON Schema of a spec");
  command->add_option("--output", output->file, "Write the schema to FILE, whole or not at all")->type_name("FILE");
  command->footer("Example:\n  sigprop schema --output sigprop.schema.json");
  command->callback(
      [output] { write_output(*output, [] { return [](std::ostream& out) { out << spec::schema_text(); }; }); });
}

}  // namespace sigprop::cli
