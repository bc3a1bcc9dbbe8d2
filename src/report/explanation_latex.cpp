// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "report/explanation_parts.hpp"
#include "report/latex.hpp"
#include "report/number.hpp"
#include "sigprop/report/explanation.hpp"

namespace sigprop::report {
namespace {

void write_display(std::ostream& out, const std::string& equation) {
  out << "\\[ \\fit{" << equation << "} \\]\n";
}

/// On one line where there is room, else a line for the symbols and one for the numbers.
void write_equation(std::ostream& out, const EquationLine& line) {
  const std::string value = " = " + latex_number(line.value), symbols = line.left.latex + " = " + line.symbols.latex;
  constexpr std::size_t room = 70;
  if (line.is_number) return write_display(out, line.left.latex + value);
  if (!adds(line)) return write_display(out, symbols + value);
  if (characters(line.symbols.text) + characters(line.numbers.text) <= room)
    return write_display(out, symbols + " = " + line.numbers.latex + value);
  write_display(out, symbols);
  write_display(out, "{} = " + line.numbers.latex + value);
}

void write_step(std::ostream& out, const ExplanationStep& step) {
  out << "\n\\subsection*{" << latex_text(step.title) << "}\n";
  std::string text;
  if (!step.formulas.empty()) text = "[" + latex_text(step.formulas) + "] ";
  const char* before = "With ";
  for (const GivenNumber& given : step.given) {
    text += before + ("$" + given.symbol.latex + " = " + latex_number(given.value) + "$") +
            (given.meaning.empty() ? "" : " (" + latex_text(given.meaning) + ")");
    before = ", ";
  }
  if (!text.empty()) out << text << '\n';
  for (const EquationLine& line : step.equations) write_equation(out, line);
  if (!step.point.empty()) out << "This is ``" << latex_text(step.point) << "'' of the profile.\n";
}

void write_recursion(std::ostream& out, const LayerRecursion& x) {
  out << "\n\\section*{From layer to layer}\n" << latex_text(introduction(x)) << '\n';
  if (is_short(x.second_moment)) write_display(out, "q' = " + x.second_moment.latex);
  if (is_short(x.token_dot)) write_display(out, "c' = " + x.token_dot.latex);
  for (const std::string& sentence : sentences(x)) out << latex_text(sentence) << '\n';
}

}  // namespace

void write_latex(std::ostream& out, const Explanation& explanation) {
  begin_document(out, explanation.name + ", " + explanation.layer + ", theory " + explanation.theory);
  if (!explanation.remark.empty()) out << latex_text(explanation.remark) << "\n\n";
  out << "\n\\section*{Forward}\n" << latex_text(forward_legend) << '\n';
  for (const ExplanationStep& step : explanation.forward) write_step(out, step);
  if (!explanation.backward.empty()) out << "\n\\section*{Backward}\n" << latex_text(backward_legend) << '\n';
  for (const ExplanationStep& step : explanation.backward) write_step(out, step);
  if (explanation.recursion) write_recursion(out, *explanation.recursion);
  out << "\\end{document}\n";
}

}  // namespace sigprop::report
