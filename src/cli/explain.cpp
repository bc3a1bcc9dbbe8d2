// SPDX-License-Identifier: Apache-2.0
#include "sigprop/predict/explain.hpp"

#include <memory>
#include <set>

#include "cli/common/command.hpp"
#include "cli/common/prediction.hpp"
#include "report/number.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/report/explanation.hpp"

namespace sigprop::cli {
namespace {

using scalar::Expression;

struct ExplainOptions {
  std::string spec;
  std::string layer = "1";
  TheoryOptions theory;
  bool across = false;
  bool unmasked = false;
  bool latex = false;
  OutputOptions output;
};

/// A layer by its number or its path.
std::size_t layer_of(const network::Network& network, const ExplainOptions& options) {
  const network::Outline outline = network::outline_of(network);
  if (options.layer == "0" || options.layer == outline.points.front().path) return 0;
  for (std::size_t i = 0; i < outline.layers.size(); ++i) {
    const std::string& path = outline.layers[i].path;
    if (options.layer == path || "layer " + options.layer == path) return i + 1;
  }
  if (outline.layers.empty())
    throw Failure(wrong_usage, "--layer " + options.layer + " is not there: " + shown_path(options.spec) +
                                   " has no layers; 0 is its input");
  throw Failure(wrong_usage, "--layer \"" + options.layer + "\" is not there: " + shown_path(options.spec) + " has \"" +
                                 outline.layers.front().path + "\" to \"" + outline.layers.back().path +
                                 "\", and 0 for its input");
}

report::Notation notation(const scalar::Symbol& symbol) {
  return {symbol.text, symbol.latex};
}

std::string meaning_of(const std::string& symbol, const predict::ExplainedStep& step,
                       const predict::Explanation& explanation) {
  for (const auto* meanings : {&step.meanings, &explanation.meanings}) {
    const auto found = meanings->find(symbol);
    if (found != meanings->end()) return found->second;
  }
  return {};
}

/// Steps as they are printed; `known` are the symbols that equations gave so far.
std::vector<report::ExplanationStep> printed(const std::vector<predict::ExplainedStep>& steps,
                                             const predict::Explanation& explanation, bool across,
                                             std::set<std::string>& known) {
  using Shown = Expression::Shown;
  std::vector<report::ExplanationStep> out;
  for (const predict::ExplainedStep& step : steps) {
    report::ExplanationStep& one =
        out.emplace_back(report::ExplanationStep{step.title, step.formulas, step.point, {}, {}});
    std::set<std::string> told;
    for (const predict::ExplainedEquation& equation : step.equations) {
      if (equation.across && !across) continue;
      const Expression& right = equation.right;
      for (const auto& [symbol, value] : right.symbols()) {
        if (symbol.text == "π" || known.contains(symbol.text) || !told.insert(symbol.text).second) continue;
        one.given.push_back({notation(symbol), value, meaning_of(symbol.text, step, explanation)});
      }
      known.insert(equation.left.text);
      one.equations.push_back({notation(equation.left),
                               {right.text(), right.latex()},
                               {right.text(Shown::samples), right.latex(Shown::samples)},
                               right.sample(),
                               right.is_number()});
    }
  }
  return out;
}

report::LayerRecursion printed(const predict::Recursion& x) {
  const auto both = [](const Expression& e) {
    return e.is_finite() ? report::Notation{e.text(), e.latex()} : report::Notation{};
  };
  report::LayerRecursion out{x, both(x.second_moment), both(x.token_dot), {}};
  if (x.gain_expression && x.gain_expression->is_finite()) out.gain_expression = both(*x.gain_expression);
  return out;
}

/// Without its masks.
network::Network unmasked(network::Network network) {
  network::remove_masks(network);
  return network;
}

/// The last point of a layer.
const profile::Point& end_of(const network::Network& network, const profile::Profile& profile, std::size_t layer) {
  const network::Outline outline = network::outline_of(network);
  std::size_t point = network::first_point(outline, layer);
  while (point + 1 < outline.points.size() && outline.points[point + 1].layer == layer) ++point;
  return profile.points[point];
}

/// What is explained in place of the model, and how far the layer is from what it is in the model,
/// by both predictions; empty where tokens are all alike.
std::string distance(const network::Network& model, const network::Network& plain, const ExplainOptions& options,
                     std::size_t layer) {
  const bool masked = network::has_mask(model);
  TheoryOptions theory = options.theory, alike = options.theory;
  if (masked) theory.prefix = "means";
  alike.sequences = 0;
  announce(model, theory, options.spec, options.output);
  const profile::Profile profile = prediction(model, theory, options.spec);
  const bool special = network::has_special_tokens(model);
  if (!masked && !special && profile.sequences == 0) return "";
  const profile::Point with = end_of(model, profile, layer);
  if (special) {
    return "The model with tokens that are all alike, where a prediction follows every kind of token. At the end of "
           "this layer the variance is " +
           report::number(with.forward.variance) + " by prediction, the gradient's variance " +
           report::number(with.backward.variance) + ".";
  }
  const profile::Point without = end_of(plain, prediction(plain, alike, options.spec), layer);
  const std::string what = masked ? "The model without its causal masks, behind which every token has equations of its "
                                    "own"
                                  : "The model with tokens that are all alike, where a prediction follows the words "
                                    "that repeat";
  return what + ". At the end of this layer the variance is " + report::number(without.forward.variance) +
         " here and " + report::number(with.forward.variance) + " there, the gradient's variance " +
         report::number(without.backward.variance) + " and " + report::number(with.backward.variance) + ".";
}

report::Explanation explanation_of(const network::Network& model, const ExplainOptions& options) {
  const std::size_t layer = layer_of(model, options);
  const network::Network network = unmasked(model);
  const predict::Explanation found =
      explained(options.spec, [&] { return predict::explain(network, theory_of(options.theory), layer); });
  report::Explanation out;
  out.name = network.name;
  out.theory = options.theory.name;
  out.layer = found.layer;
  out.warnings = found.warnings;
  if (layer > 0) out.remark = distance(model, network, options, layer);
  out.unmasked = options.unmasked || network::has_mask(model);
  std::set<std::string> known;
  out.forward = printed(found.forward, found, options.across, known);
  out.backward = printed(found.backward, found, options.across, known);
  if (found.recursion) out.recursion = printed(*found.recursion);
  return out;
}

void write(std::ostream& out, const ExplainOptions& options, const report::Explanation& explanation) {
  if (options.latex) return report::write_latex(out, explanation);
  if (options.output.format == "csv") return report::write_csv(out, explanation);
  if (options.output.format == "table") return report::write_table(out, explanation);
  report::write_json(out, explanation,
                     {"explain",
                      {{"spec", options.spec},
                       {"theory", options.theory.name},
                       {"layer", options.layer},
                       {"across", options.across},
                       {"unmasked", explanation.unmasked}}});
}

void run_explain(const ExplainOptions& options) {
  if (options.latex && options.output.format != "table")
    throw Failure(wrong_usage, "--latex is a format of its own: leave out --format " + options.output.format);
  write_output(options.output, [&] {
    const auto found =
        std::make_shared<report::Explanation>(explanation_of(load_model(options.spec, options.output), options));
    warn(options.output, options.spec, found->warnings);
    if (options.output.format == "csv" && !found->remark.empty()) warn(options.output, options.spec, {found->remark});
    return [&options, found](std::ostream& out) { write(out, options, *found); };
  });
}

}  // namespace

void add_explain(CLI::App& app) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* command =
      app.add_subcommand("explain", "The equations of one layer with their numbers, forward and backward");
  command->add_option("SPEC", options->spec, "Model as a JSON spec; - for standard input")->required();
  command
      ->add_option("--layer", options->layer,
                   "Number of a layer, its path such as \"decoder/layer 2\", or 0 for the input")
      ->capture_default_str();
  command->add_option("--theory", options->theory.name, "full, or the formulas as published")
      ->check(CLI::IsMember({"full", "paper"}))
      ->capture_default_str();
  command->add_flag("--across", options->across, "Also what tokens of two sequences of a batch have in common");
  command->add_flag(
      "--unmasked", options->unmasked,
      "As without it: a causal model is explained without its masks, behind which every token has equations "
      "of its own");
  command->add_flag("--latex", options->latex, "A document that pdflatex compiles");
  add_output_options(*command, options->output);
  command->footer(
      "Examples:\n"
      "  sigprop explain specs/bert-base.json\n"
      "  sigprop explain specs/bert-base.json --layer 12 --theory paper\n"
      "  sigprop explain specs/gpt2.json --latex --output layer.tex\n"
      "  sigprop explain specs/transformer-base.json --layer \"encoder/layer 3\" --format json");
  command->callback([options] { run_explain(*options); });
}

}  // namespace sigprop::cli
