// SPDX-License-Identifier: Apache-2.0
#include "report/latex.hpp"

#include <map>

#include "report/number.hpp"
#include "sigprop/report/plain_text.hpp"

namespace sigprop::report {

void begin_document(std::ostream& out, const std::string& title) {
  out << "\\documentclass{article}\n"
         "\\usepackage[a4paper,landscape,margin=18mm]{geometry}\n"
         "\\usepackage[T1]{fontenc}\n"
         "\\usepackage{amsmath}\n"
         "\\usepackage{graphicx}\n"
         "% An equation that is wider than the page is made smaller.\n"
         "\\newsavebox{\\wide}\n"
         "\\newcommand{\\fit}[1]{\\sbox{\\wide}{$\\displaystyle #1$}\\ifdim\\wd\\wide>\\linewidth"
         "\\resizebox{\\linewidth}{!}{\\usebox{\\wide}}\\else\\usebox{\\wide}\\fi}\n"
         "\\begin{document}\n"
         "\\section*{"
      << latex_text(title) << "}\n";
}

std::string latex_text(const std::string& text) {
  static const std::map<std::string, std::string> signs{{"\\", "\\textbackslash{}"},
                                                        {"~", "\\textasciitilde{}"},
                                                        {"^", "\\^{}"},
                                                        {"_", "\\_"},
                                                        {"&", "\\&"},
                                                        {"%", "\\%"},
                                                        {"#", "\\#"},
                                                        {"$", "\\$"},
                                                        {"{", "\\{"},
                                                        {"}", "\\}"},
                                                        {"<", "$<$"},
                                                        {">", "$>$"},
                                                        {"|", "$|$"},
                                                        {"\"", "{\\textquotedbl}"},
                                                        {"₀", "$_0$"},
                                                        {"₁", "$_1$"},
                                                        {"₂", "$_2$"},
                                                        {"₃", "$_3$"},
                                                        {"₄", "$_4$"},
                                                        {"₅", "$_5$"},
                                                        {"₆", "$_6$"},
                                                        {"₇", "$_7$"},
                                                        {"₈", "$_8$"},
                                                        {"₉", "$_9$"},
                                                        {"⁻", "$^-$"},
                                                        {"⁰", "$^0$"},
                                                        {"¹", "$^1$"},
                                                        {"²", "$^2$"},
                                                        {"³", "$^3$"},
                                                        {"⁴", "$^4$"},
                                                        {"⁵", "$^5$"},
                                                        {"⁶", "$^6$"},
                                                        {"⁷", "$^7$"},
                                                        {"⁸", "$^8$"},
                                                        {"⁹", "$^9$"},
                                                        {"·", "$\\cdot$"},
                                                        {"√", "$\\surd$"},
                                                        {"′", "$'$"},
                                                        {"–", "--"},
                                                        {"×", "$\\times$"},
                                                        {"α", "$\\alpha$"},
                                                        {"β", "$\\beta$"},
                                                        {"γ", "$\\gamma$"},
                                                        {"δ", "$\\delta$"},
                                                        {"ε", "$\\epsilon$"},
                                                        {"η", "$\\eta$"},
                                                        {"θ", "$\\theta$"},
                                                        {"κ", "$\\kappa$"},
                                                        {"λ", "$\\lambda$"},
                                                        {"μ", "$\\mu$"},
                                                        {"π", "$\\pi$"},
                                                        {"ρ", "$\\rho$"},
                                                        {"σ", "$\\sigma$"},
                                                        {"τ", "$\\tau$"},
                                                        {"φ", "$\\phi$"},
                                                        {"ψ", "$\\psi$"},
                                                        {"ω", "$\\omega$"}};
  std::string out;
  const std::string plain = plain_text(text);
  for (std::size_t at = 0; at < plain.size();) {
    std::size_t end = at + 1;  // of a character of UTF-8
    while (end < plain.size() && (static_cast<unsigned char>(plain[end]) & 0xC0U) == 0x80U) ++end;
    const std::string sign = plain.substr(at, end - at);
    const auto found = signs.find(sign);
    out += found != signs.end() ? found->second : sign.size() == 1 ? sign : "?";
    at = end;
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
