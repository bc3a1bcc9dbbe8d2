// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/common/command.hpp"
#include "cli/common/prediction.hpp"
#include "cli/common/progress.hpp"
#include "cli/common/scheme_choice.hpp"
#include "sigprop/predict/predict.hpp"
#include "sigprop/report/comparison.hpp"

namespace sigprop::cli {
namespace {

struct CompareOptions {
  std::string spec;
  std::string schemes;
  TheoryOptions theory;
  bool keep_norm = false;
  OutputOptions output;
};

/// Was the scheme made for stacks with norms placed like these?
bool fits(const scheme::Scheme& scheme, const network::Stack& stack) {
  using scheme::NormUse;
  const bool pre = stack.norm && stack.placement != network::Placement::post;
  switch (scheme.norm) {
    case NormUse::none:
      return !stack.norm;
    case NormUse::post:
      return stack.norm && !pre;
    case NormUse::pre:
    case NormUse::pre_rms:
      return pre;
    case NormUse::any:
      break;
  }
  return true;
}

/// `all` stands for every scheme, `fitting` for those made for such a model.
std::vector<std::string> chosen(const std::string& schemes, const network::Stack& stack) {
  std::vector<std::string> names;
  for (const std::string& name : split(schemes, ',')) {
    if (name == "all" || name == "fitting") {
      for (const scheme::Scheme& scheme : scheme::schemes()) {
        if (name == "all" || fits(scheme, stack)) names.push_back(scheme.name);
      }
    } else if (!name.empty()) {
      names.push_back(name);
    }
  }
  if (names.empty())
    throw Failure(wrong_usage,
                  "--schemes names no scheme, but must name some, as in --schemes gpt2,deepnorm, or all, or fitting");
  return names;
}

/// Without the file's name, which the user knows: a model's refusal is the same for every scheme.
std::string without_file(const std::string& message, const std::string& file) {
  return message.rfind(file + ": ", 0) == 0 ? message.substr(file.size() + 2) : message;
}

report::Candidate candidate(predict::Predictor& predictor, const CompareOptions& options, const spec::FileText& file,
                            const std::string& name) {
  const spec::Initialized made =
      spec::initialize(*file.text, file.name, scheme_choice(name), options.keep_norm, spec::folder_of(file.name));
  if (!made.read.network) return {name, "", {}, without_file(made.read.errors.front(), file.name)};
  try {
    return {name, network::norm_name(made.read.stacks.front()),
            prediction(predictor, *made.read.network, options.theory, options.spec), ""};
  } catch (const Failure& failure) {
    return {name, "", {}, without_file(failure.what(), file.name)};
  }
}

std::vector<report::Candidate> compared(const CompareOptions& options, const spec::FileText& file) {
  const spec::ReadResult model = spec::read_without_init(*file.text, file.name, spec::folder_of(file.name));
  require_good(model);
  const std::vector<std::string> names = chosen(options.schemes, model.stacks.front());
  std::vector<report::Candidate> list;
  if (model.network)
    announce(*model.network, options.theory, options.spec, options.output, {}, static_cast<double>(names.size()));
  predict::Predictor predictor;  // schemes of one model share its tables
  ProgressLine progress(options.output.quiet);
  const auto begin = std::chrono::steady_clock::now();
  for (const std::string& name : names) {
    list.push_back(candidate(predictor, options, file, name));
    progress.show("scheme", list.size(), names.size(), 0, seconds_since(begin));
  }
  if (options.schemes == "fitting") std::erase_if(list, [](const report::Candidate& one) { return !one.profile; });
  if (list.empty()) throw Failure(wrong_usage, file.name + ": no scheme fits this model: name some, or ask for all");
  report::sort_by_flatness(list);
  if (!list.front().profile)
    throw Failure(wrong_usage, file.name + ": no scheme applies; " + list.front().scheme + ": " + list.front().reason);
  return list;
}

void write(std::ostream& out, const CompareOptions& options, const std::string& model,
           const std::vector<report::Candidate>& list) {
  if (options.output.format == "csv") return report::write_comparison_csv(out, list);
  if (options.output.format == "table") return report::write_comparison_table(out, model, list);
  report::write_comparison_json(
      out, model, list,
      {"compare", {{"spec", options.spec}, {"schemes", options.schemes}, {"theory", options.theory.name}}});
}

void run_compare(const CompareOptions& options) {
  write_output(options.output, [&] {
    const spec::FileText file = load_text(options.spec);
    const auto list = std::make_shared<std::vector<report::Candidate>>(compared(options, file));
    for (const report::Candidate& one : *list) {
      if (one.profile) warn(options.output, options.spec + " with " + one.scheme, one.profile->warnings);
    }
    return
        [&options, model = list->front().profile->name, list](std::ostream& out) { write(out, options, model, *list); };
  });
}

}  // namespace

void add_compare(CLI::App& app) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command = app.add_subcommand("compare", "Initialization schemes side by side on one model");
  command->add_option("SPEC", options->spec, "Model as a JSON spec; - for standard input")->required();
  command
      ->add_option(
          "--schemes", options->schemes,
          "Schemes as A,B,..., each NAME or NAME:PARAMETER=VALUE; all; or fitting, those made for the model's norms")
      ->required();
  add_theory_options(*command, options->theory);
  command->add_flag("--keep-norm", options->keep_norm, "Leave the norm where the spec has it");
  add_output_options(*command, options->output);
  command->footer(
      "Examples:\n"
      "  sigprop compare specs/bert-base.json --schemes all\n"
      "  sigprop compare specs/bert-base.json --schemes bert,bert:truncation=2,gpt2,deepscalelm --format json\n"
      "Flattest first: 'even within' is the largest factor between two layers, in the variance or in the squared "
      "gradient\n"
      "norm over a layer's weights.");
  command->callback([options] { run_compare(*options); });
}

}  // namespace sigprop::cli
