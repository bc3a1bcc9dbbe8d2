// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/common/command.hpp"
#include "cli/common/prediction.hpp"
#include "cli/common/scheme_choice.hpp"
#include "cli/common/sensitivity.hpp"
#include "report/number.hpp"
#include "sigprop/profile/summary.hpp"
#include "sigprop/report/schemes.hpp"

namespace sigprop::cli {
namespace {

struct InitOptions {
  std::string spec;
  std::string scheme;
  bool keep_norm = false;
  bool recipe = false;
  bool pytorch = false;
  std::string target;
  std::string adjust;
  TheoryOptions theory;
  OutputOptions output;
};

/// What is left of the aim that all variances be 1, by prediction.
std::string deviation_left(const network::Network& network, const std::string& spec) {
  profile::Profile profile;
  try {
    profile = prediction(network, {}, spec);
  } catch (const Failure& failure) {
    return std::string("not predicted: ") + failure.what();
  }
  const auto [low, high] = std::minmax_element(
      profile.points.begin(), profile.points.end(),
      [](const auto& a, const auto& b) { return a.forward.variance.log10 < b.forward.variance.log10; });
  const profile::Quantity gradient =
      profile::ratio(profile.points.front().backward.variance, profile.points.back().backward.variance);
  return "predicted: variance from " + report::number(low->forward.variance) + " to " +
         report::number(high->forward.variance) + " over all points, gradient variance at the input " +
         report::number(gradient) + " times that at the last point";
}

report::Recipe recipe_of(const spec::ReadResult& read, const std::string& scheme) {
  const auto* embedding = std::get_if<network::Embedding>(&read.network->source);
  return {read.network->name, scheme, read.stacks, embedding != nullptr ? std::optional(*embedding) : std::nullopt,
          read.truncation};
}

/// The spec with a knob set, of a scheme or its own.
void run_target(const InitOptions& options) {
  if (options.recipe || options.pytorch)
    throw Failure(wrong_usage,
                  "--target makes a spec: leave out --recipe and --pytorch, and give its output to init with them");
  write_output(options.output, [&] {
    const spec::FileText file = load_text(options.spec);
    std::string text = *file.text;
    if (!options.scheme.empty()) {
      const spec::Initialized made = spec::initialize(text, file.name, scheme_choice(options.scheme), options.keep_norm,
                                                      spec::folder_of(file.name));
      require_good(made.read);
      text = made.text;
    }
    const Solved found = solved(text, file.name, options.theory, options.target, options.adjust, options.output);
    if (!options.output.quiet) say(found.note);
    return [found](std::ostream& out) { out << found.text; };
  });
}

void run_init(const InitOptions& options) {
  if (!options.target.empty()) return run_target(options);
  if (options.scheme.empty()) throw Failure(wrong_usage, "--scheme or --target must say what to set");
  write_output(options.output, [&] {
    const spec::SchemeChoice choice = scheme_choice(options.scheme);
    const spec::FileText file = load_text(options.spec);
    const spec::Initialized made =
        spec::initialize(*file.text, file.name, choice, options.keep_norm, spec::folder_of(file.name));
    require_good(made.read);
    std::vector<std::string> notes = made.notes;
    notes.push_back(deviation_left(*made.read.network, options.spec));
    if (!options.output.quiet) {
      for (const std::string& note : notes) say(options.scheme + ": " + note);
    }
    return [&options, made](std::ostream& out) {
      if (options.recipe) return report::write_recipe(out, recipe_of(made.read, options.scheme));
      if (options.pytorch) return report::write_pytorch(out, recipe_of(made.read, options.scheme));
      out << made.text;
    };
  });
}

}  // namespace

void add_init(CLI::App& app) {
  auto options = std::make_shared<InitOptions>();
  CLI::App* command = app.add_subcommand("init", "A spec with the deviations and residual scales of a scheme");
  command->add_option("SPEC", options->spec, "Model as a JSON spec; - for standard input")->required();
  CLI::Option* scheme =
      command->add_option("--scheme", options->scheme, "Scheme, with parameters as NAME:PARAMETER=VALUE:...");
  command->add_flag("--keep-norm", options->keep_norm, "Leave the norm where the spec has it")->needs(scheme);
  CLI::Option* recipe = command->add_flag("--recipe", options->recipe, "A table of every weight instead of the spec");
  command->add_flag("--pytorch", options->pytorch, "A Python function that initializes a PyTorch model instead")
      ->excludes(recipe);
  CLI::Option* target =
      command
          ->add_option("--target", options->target,
                       "What a quantity of the prediction shall be, such as \"backward.variance first/last = 1\"")
          ->type_name("QUANTITY=VALUE");
  CLI::Option* adjust =
      command
          ->add_option("--adjust", options->adjust, "The number of the model that is set so, such as residual.branch")
          ->type_name("KNOB")
          ->needs(target);
  target->needs(adjust);
  command->add_option("--theory", options->theory.name, "Of --target: full, or the formulas as published")
      ->check(CLI::IsMember({"full", "paper"}))
      ->capture_default_str()
      ->needs(target);
  command->add_option("--output", options->output.file, "Write the result to FILE, whole or not at all")
      ->type_name("FILE");
  command->add_flag("--quiet", options->output.quiet, "No notes on standard error");
  command->footer(
      "Examples:\n"
      "  sigprop init specs/bert-base.json --scheme deepscalelm_full --output bert-deep.json\n"
      "  sigprop init specs/bert-base.json --scheme deepscalelm:k=2:branches=12 --recipe\n"
      "  sigprop init specs/bert-base.json --scheme deepnorm --pytorch --output initialize.py\n"
      "  sigprop init specs/bert-base.json --target \"backward.variance first/last = 1\" --adjust init.std.ffn_out\n"
      "sigprop schemes tells the schemes and their parameters.");
  command->callback([options] { run_init(*options); });
}

}  // namespace sigprop::cli
