// SPDX-License-Identifier: Apache-2.0
#include "sigprop/measured/inspect.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cli/common/check_reports.hpp"
#include "cli/common/command.hpp"
#include "report/number.hpp"
#include "sigprop/import/import.hpp"
#include "sigprop/report/inspection.hpp"
#include "sigprop/spec/edit.hpp"
#include "spec/names.hpp"

namespace sigprop::cli {
namespace {

struct InspectOptions {
  std::string model;
  std::string config;
  std::string spec;
  std::string map;
  std::string spec_out;
  CheckReportOptions reports;
  bool all = false;
  measured::Settings settings;
  OutputOptions output;
};

/// The weights, and what they are compared with.
struct Inspected {
  measured::Inspection inspection;
  report::InspectedModel model;
  std::string spec;                                    ///< its text; empty without one
  std::vector<std::size_t> layers;                     ///< of each stack
  std::vector<std::pair<std::string, double>> tables;  ///< of its embedding, and their deviations
};

bool is_there(const std::string& path) {
  std::error_code none;
  return std::filesystem::exists(path, none);
}

/// A folder as the transformers library saves a model stands for the files in it.
void look_into_folder(InspectOptions& options) {
  std::error_code none;
  if (!std::filesystem::is_directory(options.model, none)) return;
  const std::string folder = options.model + (options.model.ends_with('/') ? "" : "/");
  if (options.config.empty() && options.spec.empty() && is_there(folder + "config.json"))
    options.config = folder + "config.json";
  for (const char* name : {"model.safetensors.index.json", "model.safetensors"}) {
    if (!is_there(folder + name)) continue;
    options.model = folder + name;
    return;
  }
  throw Failure(wrong_usage,
                shown_path(options.model) +
                    ": has neither model.safetensors nor model.safetensors.index.json: name a file of weights");
}

/// The spec that the weights should follow. Throws Failure.
std::string imported(const InspectOptions& options, const std::string& config, const std::string& file) {
  importer::Options how;
  how.any_length = true;  // weights do not depend on it
  const importer::Imported result = importer::from_hugging_face(config, file, how);
  if (!result.errors.empty()) refuse(result.errors);
  warn(options.output, file, result.warnings);
  return result.spec;
}

std::optional<measured::Expected> expectation(const InspectOptions& options, Inspected& out) {
  if (options.config.empty() && options.spec.empty()) return {};
  std::string config;
  const spec::FileText file = load_text(options.config.empty() ? options.spec : options.config);
  if (options.config.empty()) {
    out.spec = *file.text;
  } else {
    config = *file.text;
    out.spec = imported(options, config, file.name);
  }
  const spec::ReadResult read = spec::read_text(out.spec, file.name, spec::folder_of(options.spec));
  require_good(read);
  if (read.stacks.empty())
    throw Failure(
        wrong_usage,
        shown_path(file.name) +
            ": is a list of components, whose weights have no layers to be found by; give a spec with a stack");
  out.model.name = read.network->name;
  out.model.stacks = read.stacks.size();
  for (const network::Stack& stack : read.stacks) out.layers.push_back(stack.layers());
  if (const auto* embedding = std::get_if<network::Embedding>(&read.network->source)) {
    for (const auto& [name, table] :
         {std::pair{"token", &embedding->token}, std::pair{"position", &embedding->position},
          std::pair{"segment", &embedding->segment}}) {
      if (table->used) out.tables.emplace_back(name, table->std);
    }
  }
  return measured::expected_of(read, config);
}

Inspected inspected(const InspectOptions& options) {
  Inspected out;
  out.model.file = options.model;
  try {
    measured::Settings settings = options.settings;
    if (!options.map.empty()) {
      const spec::FileText map = load_text(options.map);
      try {
        settings.names = measured::names_of(*map.text);
      } catch (const std::runtime_error& error) {
        throw Failure(wrong_usage, shown_path(options.map) + ": " + error.what());
      }
    }
    const std::optional<measured::Expected> expected = expectation(options, out);
    out.inspection = measured::inspect(options.model, expected, settings);
  } catch (const Failure&) {
    throw;
  } catch (const std::runtime_error& error) {
    throw Failure(wrong_usage, error.what());
  }
  if (out.inspection.weights.empty())
    throw Failure(wrong_usage,
                  shown_path(options.model) + ": has no weight whose name is known; --map FILE tells names" +
                      (out.inspection.unmatched.empty() ? "" : ", such as " + out.inspection.unmatched.front()));
  return out;
}

void write(std::ostream& out, const InspectOptions& options, const Inspected& found) {
  if (options.output.format == "csv") return report::write_csv(out, found.inspection, found.model);
  if (options.output.format == "table") return report::write_table(out, found.inspection, found.model, options.all);
  report::write_json(out, found.inspection, found.model,
                     {"inspect", {{"level", options.settings.level}, {"tolerance", options.settings.tolerance}}});
}

/// The deviation of all elements of some weights together, such as those of a layer's experts.
class Pooled {
 public:
  void add(const measured::Statistics& seen) {
    squares_ += seen.count * seen.std * seen.std;
    count_ += seen.count;
  }
  [[nodiscard]] bool empty() const { return !(count_ > 0); }
  [[nodiscard]] std::string text() const { return report::exact(std::sqrt(squares_ / count_)); }

 private:
  double squares_ = 0, count_ = 0;
};

/// What was found of a weight of a stack, a number a layer, as JSON; nothing where a layer is not
/// there.
std::optional<std::string> list_of(const std::string& name, std::size_t stack, std::size_t layers,
                                   const measured::Inspection& found) {
  std::vector<Pooled> values(layers);
  for (const measured::Weight& weight : found.weights) {
    if (weight.name == name && weight.stack == stack && weight.layer > 0 && weight.layer <= layers)
      values[weight.layer - 1].add(weight.seen);
  }
  std::string out;
  for (const Pooled& value : values) {
    if (value.empty()) return {};
    out += (out.empty() ? "[" : ",") + value.text();
  }
  return out + ']';
}

/// What was found of the embedding's tables, as JSON; nothing where one of them is not there. A
/// spec's deviation contains the factor that a model gives its embedding, a file's does not.
std::optional<std::string> tables_of(const std::vector<std::pair<std::string, double>>& tables,
                                     const measured::Inspection& found) {
  std::string out;
  for (const auto& [table, std] : tables) {
    const auto weight =
        std::find_if(found.weights.begin(), found.weights.end(),
                     [&name = table](const measured::Weight& w) { return w.name == "embedding." + name; });
    if (weight == found.weights.end() || !weight->expected_std || !(*weight->expected_std > 0)) return {};
    const double factor = std / *weight->expected_std;
    out += (out.empty() ? "{\"" : ",\"") + table + "\":" + report::exact(factor * weight->seen.std);
  }
  return out.empty() ? std::nullopt : std::optional(out + '}');
}

/// The deviations that were found in the place of the spec's. Throws Failure.
std::string spec_as_found(const InspectOptions& options, const Inspected& found) {
  std::vector<spec::Edit> edits;
  for (std::size_t stack = 0; stack < found.layers.size(); ++stack) {
    const std::string place = found.layers.size() == 1 ? "init.std."
                              : stack == 0             ? "init.encoder.std."
                                                       : "init.decoder.std.";
    const auto add = [&](const std::string& name) {
      if (const auto list = list_of(name, stack, found.layers[stack], found.inspection))
        edits.push_back({place + name, *list});
    };
    for (const spec::WeightClass& known : spec::weight_classes) {
      if (!known.is_bias) add(known.name);
    }
    for (const spec::CrossWeight& known : spec::cross_weights) add(known.name);
  }
  if (const auto tables = tables_of(found.tables, found.inspection)) edits.push_back({"input.embedding.std", *tables});
  const spec::Edited edited = spec::edited(found.spec, edits);
  if (!edited.error.empty()) throw Failure(wrong_usage, "--spec-out: " + edited.error);
  const spec::ReadResult checked = spec::read_text(edited.text, options.spec_out, spec::folder_of(options.spec));
  if (!checked.errors.empty()) refuse(checked.errors);
  return spec::indented(edited.text);
}

/// Files that are read must not be replaced.
void note_inputs(const InspectOptions& options) {
  try {
    for (const std::string& file : measured::files_of(options.model)) note_input(file);
  } catch (const Failure&) {
    throw;
  } catch (const std::runtime_error& error) {
    throw Failure(wrong_usage, error.what());
  }
  for (const std::string& file : {options.config, options.spec, options.map}) {
    if (!file.empty() && file != "-") note_input(file);
  }
}

void run_inspect(InspectOptions options) {
  if (!options.config.empty() && !options.spec.empty())
    throw Failure(wrong_usage, "--config and --spec: give one of them, which tells what the weights should be");
  look_into_folder(options);
  if (!options.spec_out.empty() && options.config.empty() && options.spec.empty())
    throw Failure(wrong_usage, "--spec-out: needs --config or --spec, whose standard deviations it replaces");
  note_inputs(options);
  std::vector<NamedFile> written = files_of(options.reports);
  written.emplace_back("--spec-out", options.spec_out);
  require_different_files({}, options.output.file, written, "read", "weights");
  auto found = std::make_shared<Inspected>();
  const auto checks = std::make_shared<std::vector<report::CheckedSpec>>();
  SideFiles beside;
  add_check_reports(options.reports, checks, beside);
  beside.add("--spec-out", options.spec_out, [&](std::ostream& out) { out << spec_as_found(options, *found); });
  write_output(options.output, [&] {
    *found = inspected(options);
    return [&options, found](std::ostream& out) { write(out, options, *found); };
  });
  checks->push_back(report::checks_of(found->inspection, found->model));
  beside.write();
  annotate(options.reports, *checks);
  const std::size_t faults = found->inspection.faults();
  if (faults > 0)
    throw Failure(failed, shown_path(options.model) + ": " + std::to_string(faults) +
                              (faults == 1 ? " weight is" : " weights are") + " not as expected");
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* command =
      app.add_subcommand("inspect", "Weights of a file beside what their configuration or spec says they should be");
  command
      ->add_option("MODEL", options->model,
                   "A .safetensors file, its index, a .npz, or a folder that the transformers library saved")
      ->required();
  command->add_option("--config", options->config, "The config.json whose class the weights should be fresh from")
      ->type_name("FILE");
  command->add_option("--spec", options->spec, "The spec whose initialization they should have")->type_name("FILE");
  command->add_option("--map", options->map, "JSON: regular expressions of names and the weights that they are")
      ->type_name("FILE");
  command->add_option("--level", options->settings.level, "Probability that any weight of a good model is called wrong")
      ->check(CLI::Range(1e-12, 0.5))
      ->capture_default_str();
  command
      ->add_option("--tolerance", options->settings.tolerance,
                   "Of a standard deviation beside its sampling error, relative")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_flag("--spectral", options->settings.spectral,
                    "The largest singular value of every matrix too, over that of one with independent elements; takes "
                    "a dozen times as long");
  command->add_option("--spec-out", options->spec_out, "Write the spec with the standard deviations that were found")
      ->type_name("FILE");
  add_check_report_options(*command, options->reports, {"the verdicts", "what is wrong"});
  command->add_flag("--all", options->all, "In a table, every tensor");
  add_output_options(*command, options->output);
  command->footer(
      "Examples:\n"
      "  sigprop inspect ./my-gpt2\n"
      "  sigprop inspect model.safetensors --spec spec.json --spec-out found.json\n\n"
      "Exit status 1 if a weight is not as expected, 2 if a file is wrong.");
  command->callback([options] { run_inspect(*options); });
}

}  // namespace sigprop::cli
