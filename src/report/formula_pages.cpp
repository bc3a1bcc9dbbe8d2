// SPDX-License-Identifier: Apache-2.0
#include "report/latex.hpp"
#include "sigprop/report/report.hpp"

namespace sigprop::report {
namespace {

void write_item(std::ostream& out, const char* label, const char* text) {
  out << "- " << label << ": " << text << '\n';
}

}  // namespace

void write_formulas_text(std::ostream& out, const std::vector<PrintedFormula>& formulas) {
  for (const PrintedFormula& printed : formulas) {
    if (formulas.size() > 1) out << (&printed == formulas.data() ? "" : "\n") << printed.formula.name << '\n';
    for (const auto& [left, right] : printed.text) out << left << " = " << right << '\n';
  }
}

void write_formulas_latex(std::ostream& out, const std::vector<PrintedFormula>& formulas) {
  for (const PrintedFormula& printed : formulas) {
    out << "% " << printed.formula.name << ", " << printed.formula.source << "\n\\begin{align*}\n";
    for (std::size_t i = 0; i < printed.latex.size(); ++i) {
      out << "  " << printed.latex[i].first << " &= " << printed.latex[i].second
          << (i + 1 < printed.latex.size() ? " \\\\\n" : "\n");
    }
    out << "\\end{align*}\n";
  }
}

void write_formulas_markdown(std::ostream& out, const std::vector<PrintedFormula>& formulas) {
  out << "# Formulas\n\n"
         "Printed by `sigprop formulas --all`; do not edit. The equations are those of the code, read with symbols in "
         "the place of "
         "numbers:\nwhere a formula branches on a value, they are those of an ordinary signal. A formula that is a "
         "quadrature or a sum over "
         "data has its\ndefinition instead. [theory.md](theory.md) explains them, [formulas.tex](formulas.tex) has "
         "them for a paper.\n";
  for (const PrintedFormula& printed : formulas) {
    const Formula& f = printed.formula;
    out << "\n## `" << f.name << "`\n\n" << f.what << "\n\n```\n";
    if (printed.text.empty()) out << f.equation << '\n';
    for (const auto& [left, right] : printed.text) out << left << " = " << right << '\n';
    out << "```\n\n";
    write_item(out, "symbols", f.symbols);
    write_item(out, "status", f.status);
    write_item(out, "assumes", f.assumes);
    write_item(out, "domain", f.domain);
    write_item(out, "source", f.source);
    if (!printed.text.empty()) out << "\nDefined as\n\n```\n" << f.equation << "\n```\n";
  }
}

void write_formulas_document(std::ostream& out, const std::vector<PrintedFormula>& formulas) {
  out << "% Printed by sigprop formulas --all; do not edit.\n";
  begin_document(out, std::string("Formulas of sigprop ") + SIGPROP_VERSION);
  for (const PrintedFormula& printed : formulas) {
    if (printed.latex.empty()) continue;
    out << "\n\\subsection*{\\texttt{" << latex_text(printed.formula.name) << "}}\n";
    for (const auto& [left, right] : printed.latex) out << "\\[ \\fit{" << left << " = " << right << "} \\]\n";
  }
  out << "\\end{document}\n";
}

}  // namespace sigprop::report
