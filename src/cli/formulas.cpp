// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "cli/common/command.hpp"
#include "sigprop/report/report.hpp"
#include "sigprop/symbolic/equations.hpp"

namespace sigprop::cli {
namespace {

struct FormulasOptions {
  std::string name;
  bool text = false;
  bool latex = false;
  std::string all;  ///< folder
  OutputOptions output;
};

/// The formulas whose name is the given one or begins with it.
std::vector<report::Formula> selected(const std::string& name) {
  std::vector<report::Formula> list;
  std::string known;
  for (const report::Formula& formula : report::formulas()) {
    known += std::string(known.empty() ? "" : ", ") + formula.name;
    if (std::string(formula.name).rfind(name, 0) == 0) list.push_back(formula);
  }
  if (list.empty()) throw Failure(wrong_usage, "no formula is called \"" + name + "\"; there are " + known);
  return list;
}

std::vector<report::PrintedFormula> printed(const std::vector<report::Formula>& list) {
  std::vector<report::PrintedFormula> out;
  for (const report::Formula& formula : list) {
    report::PrintedFormula& one = out.emplace_back(report::PrintedFormula{formula, {}, {}});
    for (const symbolic::Equation& equation : symbolic::equations_of(formula.name)) {
      one.text.emplace_back(equation.text, equation.right.text());
      one.latex.emplace_back(equation.latex, equation.right.latex());
    }
  }
  return out;
}

/// Those of the selected ones that have a closed form; there must be one.
std::vector<report::PrintedFormula> closed(const FormulasOptions& options,
                                           const std::vector<report::Formula>& selected) {
  std::vector<report::PrintedFormula> list = printed(selected);
  std::erase_if(list, [](const report::PrintedFormula& one) { return one.text.empty(); });
  if (list.empty())
    throw Failure(wrong_usage,
                  "the formula " + options.name +
                      " is a quadrature or a sum over data and has no closed form; without --text and --latex its "
                      "definition is printed");
  return list;
}

void write_file(const std::string& path, const std::function<void(std::ostream&)>& write) {
  OutputOptions output;
  output.file = path;
  write_output(output, [&] { return write; });
}

void write_all(const FormulasOptions& options) {
  if (!options.name.empty()) throw Failure(wrong_usage, "--all prints every formula: leave out " + options.name);
  if (options.output.format != "table" || !options.output.file.empty())
    throw Failure(wrong_usage,
                  "--all names the files it writes in " + options.all + ": leave out --format and --output");
  const std::vector<report::PrintedFormula> list = printed(report::formulas());
  write_file(options.all + "/formulas.md", [&](std::ostream& out) { report::write_formulas_markdown(out, list); });
  write_file(options.all + "/formulas.tex", [&](std::ostream& out) { report::write_formulas_document(out, list); });
}

void write(std::ostream& out, const FormulasOptions& options, const std::vector<report::Formula>& list) {
  if (options.text) return report::write_formulas_text(out, closed(options, list));
  if (options.latex) return report::write_formulas_latex(out, closed(options, list));
  if (options.output.format == "json") return report::write_formulas_json(out, list);
  if (options.output.format == "csv") return report::write_formulas_csv(out, list);
  report::write_formulas_table(out, list);
}

}  // namespace

void add_formulas(CLI::App& app) {
  auto options = std::make_shared<FormulasOptions>();
  CLI::App* command = app.add_subcommand("formulas", "The formulas: name, equation, status, source");
  command->add_option("NAME", options->name, "A formula's name or its beginning; all without it");
  CLI::Option* text = command->add_flag("--text", options->text, "The equations as the code has them, in Unicode");
  CLI::Option* latex =
      command->add_flag("--latex", options->latex, "The same for a paper, with amsmath")->excludes(text);
  command->add_option("--all", options->all, "Write formulas.md and formulas.tex, of all formulas, into FOLDER")
      ->type_name("FOLDER")
      ->excludes(text)
      ->excludes(latex);
  add_output_options(*command, options->output);
  command->footer(
      "Examples:\n  sigprop formulas\n  sigprop formulas attention_backward\n  sigprop formulas softmax --format json\n"
      "  sigprop formulas gelu --latex");
  command->callback([options] {
    if (!options->all.empty()) return write_all(*options);
    if ((options->text || options->latex) && options->output.format != "table")
      throw Failure(wrong_usage,
                    "--text and --latex are formats of their own: leave out --format " + options->output.format);
    write_output(options->output, [&] {
      return [options, list = selected(options->name)](std::ostream& out) { write(out, *options, list); };
    });
  });
}

}  // namespace sigprop::cli
