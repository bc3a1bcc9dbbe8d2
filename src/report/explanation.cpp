// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/explanation.hpp"

#include <algorithm>
#include <cmath>

#include "report/csv_field.hpp"
#include "report/explanation_parts.hpp"
#include "report/json_value.hpp"
#include "report/number.hpp"

namespace sigprop::report {
namespace {

constexpr std::size_t columns = 100;
constexpr std::size_t indent = 3;

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

/// On one line where there is room, else a line for the symbols, one for the numbers and one for
/// the value.
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
  if (!step.formulas.empty()) {
    const std::string bracket = std::string(indent, ' ') + "[" + step.formulas + "]";
    if (characters(step.title) + characters(bracket) > columns) out << '\n';
    out << bracket;
  }
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

void write_recursion(std::ostream& out, const LayerRecursion& x) {
  out << "\nFrom layer to layer\n";
  const std::string margin(indent, ' ');
  write_wrapped(out, margin, introduction(x));
  const auto write_put_together = [&](const char* left, const Notation& right) {
    if (right.text.empty()) {
      out << margin << left << " by q and r has numbers that no double holds.\n";
    } else if (is_short(right)) {
      write_wrapped(out, margin + left + " = ", right.text);
    } else {
      out << margin << left << " is what the equations above make of q and r; all in one line: --format json.\n";
    }
  };
  write_put_together("q'", x.second_moment);
  write_put_together("c'", x.token_dot);
  for (const std::string& sentence : sentences(x)) write_wrapped(out, margin, sentence);
}

Json json_of(const LayerRecursion& x) {
  const auto equation = [](const Notation& right) {
    return right.text.empty() ? Json(nullptr) : Json({{"equation", right.text}, {"latex", right.latex}});
  };
  Json modes = Json::array();
  for (const LayerRecursion::Mode& mode : x.modes)
    modes.push_back({{"growth", finite(mode.growth)},
                     {"correlation", mode.correlation ? finite(*mode.correlation) : Json(nullptr)},
                     {"exponent", mode.exponent ? finite(*mode.exponent) : Json(nullptr)}});
  return {{"first", x.first},
          {"last", x.last},
          {"layers", x.layers},
          {"kind", kind_name(x.kind)},
          {"second_moment", equation(x.second_moment)},
          {"token_dot", equation(x.token_dot)},
          {"gain", finite(x.gain)},
          {"gain_equation", x.gain_expression ? Json(x.gain_expression->text) : Json(nullptr)},
          {"start_correlation", finite(x.start_correlation)},
          {"end_correlation", finite(x.end_correlation)},
          {"correlation", x.correlation ? finite(*x.correlation) : Json(nullptr)},
          {"shrinking", x.correlation ? finite(x.shrinking) : Json(nullptr)},
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
  write_wrapped(out, "", forward_legend);
  for (const ExplanationStep& step : explanation.forward) write_step(out, step);
  if (!explanation.backward.empty()) {
    out << '\n';
    write_wrapped(out, "", backward_legend);
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

}  // namespace sigprop::report
