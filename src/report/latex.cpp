// SPDX-License-Identifier: Apache-2.0
#include "report/latex.hpp"

#include <utility>
#include <vector>

#include "report/number.hpp"

namespace sigprop::report {

void begin_document(std::ostream& out, const std::string& title) {
  out << "\\documentclass[a4paper]{article}\n"
         "\\usepackage{amsmath}\n"
         "\\usepackage{graphicx}\n"
         "\\addtolength{\\hoffset}{-15mm}\\addtolength{\\textwidth}{30mm}\n"
         "% An equation that is wider than the page is made smaller.\n"
         "\\newsavebox{\\wide}\n"
         "\\newcommand{\\fit}[1]{\\sbox{\\wide}{$\\displaystyle #1$}\\ifdim\\wd\\wide>\\linewidth"
         "\\resizebox{\\linewidth}{!}{\\usebox{\\wide}}\\else\\usebox{\\wide}\\fi}\n"
         "\\begin{document}\n"
         "\\section*{"
      << latex_text(title) << "}\n";
}

std::string latex_text(const std::string& text) {
  static const std::vector<std::pair<std::string, std::string>> signs{{"_", "\\_"},      {"&", "\\&"},
                                                                      {"%", "\\%"},      {"#", "\\#"},
                                                                      {"$", "\\$"},      {"{", "\\{"},
                                                                      {"}", "\\}"},      {"^", "\\^{}"},
                                                                      {"₀", "$_0$"},     {"₁", "$_1$"},
                                                                      {"₂", "$_2$"},     {"₃", "$_3$"},
                                                                      {"₄", "$_4$"},     {"₅", "$_5$"},
                                                                      {"₆", "$_6$"},     {"₇", "$_7$"},
                                                                      {"₈", "$_8$"},     {"₉", "$_9$"},
                                                                      {"⁻", "$^-$"},     {"⁰", "$^0$"},
                                                                      {"¹", "$^1$"},     {"²", "$^2$"},
                                                                      {"³", "$^3$"},     {"⁴", "$^4$"},
                                                                      {"⁵", "$^5$"},     {"⁶", "$^6$"},
                                                                      {"⁷", "$^7$"},     {"⁸", "$^8$"},
                                                                      {"⁹", "$^9$"},     {"λ", "$\\lambda$"},
                                                                      {"β", "$\\beta$"}, {"γ", "$\\gamma$"},
                                                                      {"η", "$\\eta$"},  {"φ", "$\\phi$"},
                                                                      {"π", "$\\pi$"},   {"·", "$\\cdot$"},
                                                                      {"√", "$\\surd$"}, {"κ̄", "$\\bar\\kappa$"},
                                                                      {"–", "--"}};
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t taken = 0;
    for (const auto& [sign, latex] : signs) {
      if (text.compare(at, sign.size(), sign) != 0) continue;
      out += latex;
      taken = sign.size();
    }
    if (taken == 0) out += text[at++];
    at += taken;
  }
  return out;
}

std::string latex_number(double x) {
  constexpr int shown = 5;
  const std::string out = digits(x, shown);
  const std::size_t e = out.find('e');
  if (e == std::string::npos) return out;
  return out.substr(0, e) + " \\cdot 10^{" + std::to_string(std::stoi(out.substr(e + 1))) + "}";
}

}  // namespace sigprop::report
