// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/command.hpp"
#include "cli/prediction.hpp"
#include "cli/scheme_choice.hpp"
#include "report/number.hpp"
#include "sigprop/profile/summary.hpp"
#include "sigprop/report/schemes.hpp"

namespace sigprop::cli {
namespace {

struct Options {
  std::string spec;
  std::string scheme;
  bool keep_norm = false;
  bool recipe = false;
  bool pytorch = false;
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
  report::Recipe recipe{read.network->name, scheme, read.stacks, 0, 0, read.truncation};
  if (const auto* embedding = std::get_if<network::Embedding>(&read.network->source)) {
    recipe.vocabulary = embedding->vocabulary;
    recipe.embedding_std = embedding->std;
  }
  return recipe;
}

void run(const Options& options) {
  write_output(options.output, [&] {
    const spec::SchemeChoice choice = scheme_choice(options.scheme);
    const spec::FileText file = load_text(options.spec);
    const spec::Initialized made = spec::initialize(*file.text, file.name, choice, options.keep_norm);
    require_good(made.read);
    std::vector<std::string> notes = made.notes;
    notes.push_back(deviation_left(*made.read.network, options.spec));
    if (!options.output.quiet) {
      for (const std::string& note : notes) std::cerr << "sigprop: " << options.scheme << ": " << note << '\n';
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
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("init", "A spec with the deviations and residual scales of a scheme");
  command->add_option("SPEC", options->spec, "Model as a JSON spec; - for standard input")->required();
  command->add_option("--scheme", options->scheme, "Scheme, with parameters as NAME:PARAMETER=VALUE:...")->required();
  command->add_flag("--keep-norm", options->keep_norm, "Leave the norm where the spec has it");
  CLI::Option* recipe = command->add_flag("--recipe", options->recipe, "A table of every weight instead of the spec");
  command->add_flag("--pytorch", options->pytorch, "A Python function that initializes a PyTorch model instead")
      ->excludes(recipe);
  command->add_option("--output", options->output.file, "Write the result to FILE, whole or not at all")
      ->type_name("FILE");
  command->add_flag("--quiet", options->output.quiet, "No notes on standard error");
  command->footer(
      "Examples:\n"
      "  sigprop init specs/bert-base.json --scheme deepscalelm_full --output bert-deep.json\n"
      "  sigprop init specs/bert-base.json --scheme deepscalelm:k=2:branches=12 --recipe\n"
      "  sigprop init specs/bert-base.json --scheme deepnorm --pytorch --output initialize.py\n"
      "sigprop schemes tells the schemes and their parameters.");
  command->callback([options] { run(*options); });
}

}  // namespace sigprop::cli
