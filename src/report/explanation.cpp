// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/explanation.hpp"

#include <algorithm>
#include <cmath>

#include "report/csv_field.hpp"
#include "report/json_value.hpp"
#include "report/latex.hpp"
#include "report/number.hpp"

namespace sigprop::report {
namespace {

constexpr std::size_t columns = 100;
constexpr std::size_t indent = 3;
constexpr int shown_digits = 5;
constexpr std::size_t longest_equation = 300;  ///< of what is put together of a whole layer

/// In a line of Unicode: 1.2·10⁻⁵.
std::string shown(double x) {
  std::string out = digits(x, shown_digits);
  const std::size_t e = out.find('e');
  if (e == std::string::npos) return out;
  constexpr const char* figures[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  const int exponent = std::stoi(out.substr(e + 1));
  out = out.substr(0, e) + "·10" + (exponent < 0 ? "⁻" : "");
  for (const char c : std::to_string(std::abs(exponent))) out += figures[c - '0'];
  return out;
}

/// What may not be parted at a line's end: words, an operator with what follows it.
std::vector<std::string> pieces(const std::string& text) {
  std::vector<std::string> out;
  bool glued = false;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t space = std::min(text.find(' ', start), text.size());
    const std::string word = text.substr(start, space - start);
    if (glued) {
      out.back() += " " + word;
    } else {
      out.push_back(word);
    }
    glued = word == "+" || word == "-" || word == "·" || word == "=";
    start = space + 1;
  }
  return out;
}

/// Breaks a line between pieces; the following ones begin under the end of `first`.
void write_wrapped(std::ostream& out, const std::string& first, const std::string& text) {
  const std::size_t begin = characters(first);
  out << first;
  std::size_t column = begin;
  for (const std::string& piece : pieces(text)) {
    const std::size_t width = characters(piece);
    if (column > begin && column + 1 + width > columns) {
      out << '\n' << std::string(begin, ' ');
      column = begin;
    }
    out << (column > begin ? " " : "") << piece;
    column += width + (column > begin ? 1 : 0);
  }
  out << '\n';
}

/// Do the numbers say more than the symbols and the value?
bool adds(const EquationLine& line) {
  return !line.is_number && line.numbers.text != shown(line.value) && line.numbers.text != line.symbols.text;
}

/// On one line where there is room, else a line for the symbols, one for the numbers and one for the value.
void write_equation(std::ostream& out, const EquationLine& line) {
  std::vector<std::string> sides;
  const std::string value = shown(line.value);
  if (!line.is_number) sides.push_back(line.symbols.text);
  if (adds(line)) sides.push_back(line.numbers.text);
  sides.push_back(value);
  const std::string left = std::string(indent, ' ') + line.left.text;
  std::string whole = left;
  for (const std::string& side : sides) whole += " = " + side;
  if (characters(whole) <= columns) {
    out << whole << '\n';
    return;
  }
  const std::string under(characters(left), ' ');
  for (const std::string& side : sides) write_wrapped(out, (&side == sides.data() ? left : under) + " = ", side);
}

void write_step(std::ostream& out, const ExplanationStep& step) {
  out << '\n' << step.title;
  if (!step.formulas.empty()) out << "   [" << step.formulas << ']';
  out << '\n';
  std::string with;
  for (const GivenNumber& given : step.given)
    with += (with.empty() ? "" : ", ") + given.symbol.text + " = " + shown(given.value) +
            (given.meaning.empty() ? "" : " (" + given.meaning + ")");
  if (!with.empty()) write_wrapped(out, std::string(indent, ' ') + "with ", with);
  for (const EquationLine& line : step.equations) write_equation(out, line);
  if (!step.point.empty()) out << std::string(indent, ' ') << "This is \"" << step.point << "\" of the profile.\n";
}

// ---- from layer to layer ---------------------------------------------------------------------------------------------

const char* kind_name(LayerRecursion::Kind kind) {
  using Kind = LayerRecursion::Kind;
  switch (kind) {
    case Kind::resets:
      return "resets";
    case Kind::settles:
      return "settles";
    case Kind::adds:
      return "adds";
    case Kind::grows:
      return "grows";
    case Kind::scales:
      return "scales";
    case Kind::other:
      break;
  }
  return "other";
}

std::string alike_sentence(const LayerRecursion& x) {
  return "The " + std::to_string(x.layers) + " layers from \"" + x.first + "\" to \"" + x.last +
         "\" are alike. q is a signal's second moment, c its token product and r = c/q, of a signal of mean 0 its "
         "variance, "
         "covariance and correlation; a layer makes q' and c' of them.";
}

/// What becomes of q.
std::string second_moment_sentence(const LayerRecursion& x) {
  using Kind = LayerRecursion::Kind;
  const std::string gain = x.gain.text == shown(x.gain_value) ? x.gain.text : x.gain.text + " = " + shown(x.gain_value);
  const std::string at = x.correlation ? "C(r*)" : "C(r)";
  switch (x.kind) {
    case Kind::resets:
      return "q' = C(r): every layer sets q anew, far on to q* = " + at + " = " + shown(x.limit.value_or(0)) + ".";
    case Kind::settles:
      return "q' = A q + C(r) with A = " + gain + ": q goes to q* = " + at + "/(1 - A) = " + shown(x.increment) +
             "/(1 - " + shown(x.gain_value) + ") = " + shown(x.limit.value_or(0)) + ".";
    case Kind::adds:
      return "q' = q + C(r): every layer adds to q, far on " + at + " = " + shown(x.increment) +
             ", so that q grows like " + shown(x.increment) + " N with the number N of layers.";
    case Kind::scales:
      return "q' = G(r) q with G = " + gain + ": every layer multiplies q, far on by " + shown(x.growth) + ".";
    case Kind::grows:
      return "q grows faster than by what is added: behind the last of these layers by " + shown(x.growth) +
             " a layer.";
    case Kind::other:
      break;
  }
  if (x.limit) return "q' is no simple function of q; it goes to q* = " + shown(*x.limit) + ".";
  return "q' is no simple function of q; behind the last of these layers it grows by " + shown(x.growth) + " a layer.";
}

std::string correlation_sentence(const LayerRecursion& x) {
  using Kind = LayerRecursion::Kind;
  const std::string out =
      "r is " + shown(x.start_correlation) + " before the layers and " + shown(x.end_correlation) + " behind them";
  if (!x.correlation) return out + "; there is no r* that it would go to.";
  const std::string goes = out + "; far on it goes to r* = " + shown(*x.correlation);
  if (x.kind == Kind::other) return goes + ".";
  if (x.kind == Kind::adds)
    return goes + ", where what is added has the same r; the distance shrinks with the number N of layers like N^-" +
           shown(1 - x.correlation_slope) + ".";
  constexpr double slow = 1e-3;
  if (std::abs(1 - x.correlation_slope) < slow)
    return goes + ", ever more slowly: the next r follows r with a slope of 1 there.";
  return goes + ", and the distance shrinks by the factor " + shown(x.correlation_slope) + " a layer.";
}

std::string mode_sentence(const LayerRecursion& x) {
  std::string out = x.limit || x.correlation ? "Far on, a gradient" : "Behind the last of these layers, a gradient";
  out += " that keeps its η/γ² on its way back through a layer has γ² ";
  const auto tell = [&](const LayerRecursion::Mode& mode) {
    const std::string where = " with η/γ² = " + shown(mode.correlation);
    return mode.exponent ? "in proportion to l^-" + shown(*mode.exponent) + " behind layer l" + where
                         : "multiplied by " + shown(mode.growth) + where;
  };
  if (std::abs(x.modes[0].growth - x.modes[1].growth) <= 1e-9 * x.modes[0].growth)
    return out + "multiplied by " + shown(x.modes[0].growth) + ", whatever it is.";
  return out + tell(x.modes[0]) + ", and " + tell(x.modes[1]) + ".";
}

void write_recursion(std::ostream& out, const LayerRecursion& x) {
  out << "\nFrom layer to layer\n";
  const std::string margin(indent, ' ');
  write_wrapped(out, margin, alike_sentence(x));
  const auto write_put_together = [&](const char* left, const Notation& right) {
    if (characters(right.text) <= longest_equation) {
      write_wrapped(out, margin + left + " = ", right.text);
    } else {
      out << margin << left << " is what the equations above make of q and r; all in one line: --format json.\n";
    }
  };
  write_put_together("q'", x.second_moment);
  write_put_together("c'", x.token_dot);
  for (const std::string& sentence : {second_moment_sentence(x), correlation_sentence(x), mode_sentence(x)})
    write_wrapped(out, margin, sentence);
}

Json json_of(const LayerRecursion& x) {
  Json modes = Json::array();
  for (const LayerRecursion::Mode& mode : x.modes)
    modes.push_back({{"growth", finite(mode.growth)},
                     {"correlation", finite(mode.correlation)},
                     {"exponent", mode.exponent ? finite(*mode.exponent) : Json(nullptr)}});
  return {{"first", x.first},
          {"last", x.last},
          {"layers", x.layers},
          {"kind", kind_name(x.kind)},
          {"second_moment", {{"equation", x.second_moment.text}, {"latex", x.second_moment.latex}}},
          {"token_dot", {{"equation", x.token_dot.text}, {"latex", x.token_dot.latex}}},
          {"gain", {{"equation", x.gain.text}, {"latex", x.gain.latex}, {"value", finite(x.gain_value)}}},
          {"start_correlation", finite(x.start_correlation)},
          {"end_correlation", finite(x.end_correlation)},
          {"correlation", x.correlation ? finite(*x.correlation) : Json(nullptr)},
          {"correlation_slope", x.correlation ? finite(x.correlation_slope) : Json(nullptr)},
          {"increment", finite(x.increment)},
          {"growth", finite(x.growth)},
          {"limit", x.limit ? finite(*x.limit) : Json(nullptr)},
          {"gradient_modes", modes}};
}

// ---- steps -----------------------------------------------------------------------------------------------------------

Json json_of(const std::vector<ExplanationStep>& steps) {
  Json out = Json::array();
  for (const ExplanationStep& step : steps) {
    Json given = Json::object(), equations = Json::array();
    for (const GivenNumber& one : step.given) given[one.symbol.text] = finite(one.value);
    for (const EquationLine& line : step.equations)
      equations.push_back({{"quantity", line.left.text},
                           {"equation", line.symbols.text},
                           {"with_numbers", line.numbers.text},
                           {"latex", line.left.latex + " = " + line.symbols.latex},
                           {"value", finite(line.value)}});
    out.push_back({{"step", step.title},
                   {"formulas", step.formulas},
                   {"point", step.point.empty() ? Json(nullptr) : Json(step.point)},
                   {"given", given},
                   {"equations", equations}});
  }
  return out;
}

}  // namespace

void write_table(std::ostream& out, const Explanation& explanation) {
  out << explanation.name << ", " << explanation.layer << ", theory " << explanation.theory << '\n';
  if (!explanation.remark.empty()) write_wrapped(out, "", explanation.remark);
  write_wrapped(
      out, "",
      "Of signal x: μ mean, σ² variance, κ covariance of two tokens, r = κ/σ². In brackets: sigprop formulas NAME.");
  for (const ExplanationStep& step : explanation.forward) write_step(out, step);
  if (!explanation.backward.empty()) {
    out << '\n';
    write_wrapped(
        out, "",
        "Backward. Of a gradient: γ² variance, η covariance of two tokens, with the number of the signal at which "
        "it is taken; ′ marks a part to which others are added.");
    for (const ExplanationStep& step : explanation.backward) write_step(out, step);
  }
  if (explanation.recursion) write_recursion(out, *explanation.recursion);
}

void write_csv(std::ostream& out, const Explanation& explanation) {
  out << "direction,step,quantity,equation,with_numbers,value\n";
  const auto write = [&](const char* direction, const std::vector<ExplanationStep>& steps) {
    for (const ExplanationStep& step : steps) {
      for (const EquationLine& line : step.equations) {
        out << direction << ',' << csv_field(step.title) << ',' << csv_field(line.left.text) << ','
            << csv_field(line.symbols.text) << ',' << csv_field(line.numbers.text) << ',' << exact(line.value) << '\n';
      }
    }
  };
  write("forward", explanation.forward);
  write("backward", explanation.backward);
}

void write_json(std::ostream& out, const Explanation& explanation, const Provenance& provenance) {
  out << "{\n  \"sigprop\": \"" << SIGPROP_VERSION << "\",\n  \"command\": " << text(provenance.command)
      << ",\n  \"name\": " << text(explanation.name) << ",\n  \"theory\": " << text(explanation.theory)
      << ",\n  \"settings\": " << text(settings_json(provenance)) << ",\n  \"warnings\": " << text(explanation.warnings)
      << ",\n  \"remark\": " << text(explanation.remark) << ",\n  \"layer\": " << text(explanation.layer)
      << ",\n  \"forward\": " << text(json_of(explanation.forward))
      << ",\n  \"backward\": " << text(json_of(explanation.backward))
      << ",\n  \"recursion\": " << text(explanation.recursion ? json_of(*explanation.recursion) : Json(nullptr))
      << "\n}\n";
}

namespace {

/// On one line where there is room, else a line for the symbols and one for the numbers.
void write_latex(std::ostream& out, const EquationLine& line) {
  const auto write = [&](const std::string& equation) { out << "\\[ \\fit{" << equation << "} \\]\n"; };
  const std::string value = " = " + latex_number(line.value), symbols = line.left.latex + " = " + line.symbols.latex;
  constexpr std::size_t room = 70;
  if (line.is_number) return write(line.left.latex + value);
  if (!adds(line)) return write(symbols + value);
  if (characters(line.symbols.text) + characters(line.numbers.text) <= room)
    return write(symbols + " = " + line.numbers.latex + value);
  write(symbols);
  write("{} = " + line.numbers.latex + value);
}

}  // namespace

void write_latex(std::ostream& out, const Explanation& explanation) {
  begin_document(out, explanation.name + ", " + explanation.layer + ", theory " + explanation.theory);
  if (!explanation.remark.empty()) out << latex_text(explanation.remark) << "\n\n";
  const auto write = [&](const std::vector<ExplanationStep>& steps) {
    for (const ExplanationStep& step : steps) {
      out << "\n\\subsection*{" << latex_text(step.title) << "}\n";
      std::string with;
      for (const GivenNumber& given : step.given)
        with += (with.empty() ? "With " : ", ") + ("$" + given.symbol.latex + " = " + latex_number(given.value) + "$") +
                (given.meaning.empty() ? "" : " (" + latex_text(given.meaning) + ")");
      if (!with.empty()) out << with << ":\n";
      for (const EquationLine& line : step.equations) write_latex(out, line);
    }
  };
  out << "\n\\section*{Forward}\n";
  write(explanation.forward);
  if (!explanation.backward.empty()) out << "\n\\section*{Backward}\n";
  write(explanation.backward);
  if (explanation.recursion) {
    const LayerRecursion& x = *explanation.recursion;
    out << "\n\\section*{From layer to layer}\n" << latex_text(alike_sentence(x)) << '\n';
    for (const auto& [left, right] : {std::pair("q'", x.second_moment), std::pair("c'", x.token_dot)}) {
      if (characters(right.text) <= longest_equation) out << "\\[ \\fit{" << left << " = " << right.latex << "} \\]\n";
    }
    for (const std::string& sentence : {second_moment_sentence(x), correlation_sentence(x), mode_sentence(x)})
      out << latex_text(sentence) << '\n';
  }
  out << "\\end{document}\n";
}

}  // namespace sigprop::report
