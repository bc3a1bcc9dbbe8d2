// SPDX-License-Identifier: Apache-2.0
#include "sigprop/import/import.hpp"

#include <memory>

#include "cli/common/command.hpp"

namespace sigprop::cli {
namespace {

struct Request {
  std::string config;
  importer::Options options;
  bool list = false;
  OutputOptions output;
};

/// A line a model type.
std::string listed() {
  std::string out;
  for (const importer::ModelType& type : importer::model_types()) {
    constexpr std::size_t column = 22;
    out += type.name + std::string(type.name.size() < column ? column - type.name.size() : 1, ' ') +
           (type.is_imported ? "yes" : "no ") + (type.remark.empty() ? "" : "  " + type.remark) + "\n";
  }
  return out;
}

/// The spec; notes and warnings go to standard error. Throws Failure with all errors.
std::string imported(const Request& request) {
  const spec::FileText file = load_text(request.config);
  const auto result = importer::from_hugging_face(*file.text, file.name, request.options);
  if (!result.errors.empty()) refuse(result.errors);
  warn(request.output, request.config, result.warnings);
  if (!request.output.quiet) {
    for (const std::string& note : result.notes) say("note: " + shown_path(request.config) + ": " + note);
  }
  return result.spec;
}

/// What is wrong with a correlation, NaN too; nothing for a good one.
std::string is_correlation(const std::string& text) {
  double value = 0;
  const bool read = CLI::detail::lexical_cast(text, value);
  return read && value >= 0 && value <= 1 ? "" : "is " + text + ", but must be a number in [0, 1]";
}

void add_options(CLI::App& command, Request& request) {
  importer::Options& options = request.options;
  command.add_option("CONFIG", request.config, "Hugging Face config.json of a model; - for standard input");
  command.add_flag("--list", request.list, "Show the model types, and what a spec of each leaves out");
  command
      .add_option("--sequence-length", options.sequence_length,
                  "Tokens of a sequence; the file does not tell, but for images")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  command.add_option("--batch", options.batch, "Sequences")->check(CLI::Range(1, 10000000))->capture_default_str();
  command
      .add_option("--token-correlation", options.token_correlation,
                  "Correlation of an image's patches as embedded; 0.2 where not given")
      ->check(is_correlation);
  command.add_option("--library", options.library, "Version of transformers whose initialization is meant")
      ->type_name("VERSION")
      ->capture_default_str();
  command.add_option("--as", options.as, "Read the file as this model type, whatever its own")->type_name("TYPE");
  command.add_option("--part", options.part, "Part of a model of several: text, vision or audio")->type_name("PART");
  command.add_flag("--strict", options.strict, "Refuse keys that a spec cannot express and keys that nobody knows");
  command.add_option("--output", request.output.file, "Write the spec to FILE, whole or not at all")->type_name("FILE");
  command.add_flag("--quiet", request.output.quiet, "No notes and warnings on standard error");
}

}  // namespace

void add_import(CLI::App& app) {
  auto request = std::make_shared<Request>();
  CLI::App* command = app.add_subcommand(
      "import", "A Hugging Face config.json as a spec, with the default initialization of its class");
  add_options(*command, *request);
  command->footer("Example:\n  sigprop import config.json --sequence-length 512 --output spec.json");
  command->callback([request] {
    if (request->config.empty() && !request->list)
      throw Failure(wrong_usage, "CONFIG is missing: name a config.json, or show the model types with --list");
    write_output(request->output, [&] {
      return [text = request->list ? listed() : imported(*request)](std::ostream& out) { out << text; };
    });
  });
}

}  // namespace sigprop::cli
