// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/common/command.hpp"
#include "sigprop/spec/write.hpp"

namespace sigprop::cli {

void add_expand(CLI::App& app) {
  struct Options {
    std::string spec;
    OutputOptions output;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("expand", "The component list behind a stack, as a spec");
  command->add_option("SPEC", options->spec, "Model as a JSON spec; - for standard input")->required();
  command->add_option("--output", options->output.file, "Write the spec to FILE, whole or not at all")
      ->type_name("FILE");
  command->footer("Example:\n  sigprop expand specs/bert-base.json");
  command->callback([options] {
    write_output(options->output, [&] {
      const spec::ReadResult read = load(options->spec);
      if (!read.network->encoder.empty()) {
        throw Failure(wrong_usage,
                      shown_path(options->spec) +
                          ": an encoder and a decoder together are no single component list; expand covers a stack");
      }
      return [text = spec::expanded_text(*read.network, read.checks)](std::ostream& out) { out << text; };
    });
  });
}

}  // namespace sigprop::cli
