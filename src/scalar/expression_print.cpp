// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>

#include "scalar/expression_node.hpp"

namespace sigprop::scalar {
namespace {

using Node = Expression::Node;
using Kind = Node::Kind;
using Term = Node::Term;
using Factor = Node::Factor;

std::string decimal(double x) {
  char out[32];
  constexpr int digits = 6;
  return {out, std::to_chars(out, out + sizeof out, x, std::chars_format::general, digits).ptr};
}

/// Whole exponents stand raised in Unicode.
std::string raised(const std::string& digits) {
  constexpr const char* figures[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string out;
  for (const char c : digits) out += c == '-' ? "⁻" : figures[c - '0'];
  return out;
}

}  // namespace

/// Prints a tree in one of two notations.
class Printer {
 public:
  explicit Printer(bool latex) : latex_(latex) {}

  [[nodiscard]] std::string print(const Expression& x) const {
    const Node& node = *x.node_;
    switch (node.kind) {
      case Kind::number:
        return number(node.number);
      case Kind::symbol:
        return name(node.symbol);
      case Kind::sum:
        return sum(node);
      case Kind::product:
        return product(node.number, node.factors);
      case Kind::function:
        break;
    }
    return function(node);
  }

 private:
  [[nodiscard]] std::string name(const Symbol& symbol) const { return latex_ ? symbol.latex : symbol.text; }

  [[nodiscard]] std::string number(const Number& n) const {
    if (!n.exact()) return decimal(n.value);
    if (n.whole()) return std::to_string(n.numerator);
    const std::string size = fraction(std::to_string(std::abs(n.numerator)), std::to_string(n.denominator), true);
    return n.numerator < 0 ? "-" + size : size;
  }

  [[nodiscard]] std::string fraction(const std::string& above, const std::string& below, bool single) const {
    if (latex_) return "\\frac{" + above + "}{" + below + "}";
    return above + "/" + (single ? below : "(" + below + ")");
  }

  [[nodiscard]] std::string parenthesized(const std::string& inside) const {
    return latex_ ? "\\left(" + inside + "\\right)" : "(" + inside + ")";
  }

  [[nodiscard]] std::string root(const std::string& inside) const {
    return latex_ ? "\\sqrt{" + inside + "}" : "√(" + inside + ")";
  }

  // ---- sums ------------------------------------------------------------------------------------------------------------

  static void append(std::string& out, bool negative, const std::string& term) {
    if (out.empty()) {
      out = (negative ? "-" : "") + term;
    } else {
      out += (negative ? " - " : " + ") + term;
    }
  }

  /// In the order of the code, but beginning with what is added.
  [[nodiscard]] std::string sum(const Node& node) const {
    std::string out;
    const bool constant = !node.number.is(0);
    const bool constant_first = constant && node.number.value > 0;
    const auto add_constant = [&] {
      const Number size = node.number.value < 0 ? node.number * Number(-1, 1) : node.number;
      append(out, node.number.value < 0, number(size));
    };
    if (constant_first) add_constant();
    std::size_t first = 0;
    while (out.empty() && first < node.terms.size() && node.terms[first].coefficient.value < 0) ++first;
    if (first == node.terms.size()) first = 0;
    add_term(out, node.terms[first]);
    for (std::size_t i = 0; i < node.terms.size(); ++i) {
      if (i != first) add_term(out, node.terms[i]);
    }
    if (constant && !constant_first) add_constant();
    return out;
  }

  void add_term(std::string& out, const Term& term) const {
    const bool negative = term.coefficient.value < 0;
    const Number size = negative ? term.coefficient * Number(-1, 1) : term.coefficient;
    const Node& of = *term.of.node_;
    const std::vector<Factor> alone{{term.of, Number(1, 1)}};
    append(out, negative, product(size, of.kind == Kind::product ? of.factors : alone));
  }

  // ---- products --------------------------------------------------------------------------------------------------------

  [[nodiscard]] std::string product(const Number& coefficient, const std::vector<Factor>& factors) const {
    std::string above, below;
    int below_count = 0;
    const auto place = [&](std::string& side, const std::string& part) {
      side += (side.empty() ? "" : latex_ ? " \\, " : " ") + part;
    };
    const bool negative = coefficient.value < 0;
    const Number size = negative ? coefficient * Number(-1, 1) : coefficient;
    if (!size.exact()) {
      place(above, decimal(size.value));
    } else {
      if (size.numerator != 1) place(above, std::to_string(size.numerator));
      if (size.denominator != 1) {
        place(below, std::to_string(size.denominator));
        ++below_count;
      }
    }
    const auto count = [&](bool inverse) {
      return std::count_if(factors.begin(), factors.end(),
                           [&](const Factor& f) { return (f.exponent.value < 0) == inverse; });
    };
    const bool over = size.denominator != 1 || count(true) > 0;
    for (const bool inverse : {false, true}) {
      // A factor alone above or below a line of LaTeX, or alone altogether, needs no parentheses.
      const bool alone = count(inverse) == 1 && (inverse ? size.denominator == 1 : size.is(1) || size.numerator == 1) &&
                         (latex_ ? size.exact() : !over);
      std::vector<Expression> roots;
      for (const Factor& factor : factors) {
        if ((factor.exponent.value < 0) != inverse) continue;
        const Number exponent = inverse ? factor.exponent * Number(-1, 1) : factor.exponent;
        if (exponent.exact() && exponent.denominator == 2 && exponent.numerator == 1) {
          roots.push_back(factor.base);
          continue;
        }
        place(inverse ? below : above, power(factor.base, exponent, alone));
        if (inverse) ++below_count;
      }
      if (roots.empty()) continue;
      std::string inside;
      for (const Expression& base : roots) place(inside, power(base, Number(1, 1), roots.size() == 1));
      place(inverse ? below : above, root(inside));
      if (inverse) ++below_count;
    }
    if (above.empty()) above = "1";
    const std::string out = below.empty() ? above : fraction(above, below, below_count == 1);
    return negative ? "-" + out : out;
  }

  /// alone: nothing stands beside it.
  [[nodiscard]] std::string power(const Expression& base, const Number& exponent, bool alone) const {
    const Kind kind = base.node_->kind;
    const bool compound = kind == Kind::sum || kind == Kind::product || (kind == Kind::number && !exponent.is(1));
    if (exponent.is(1)) return compound && !alone ? parenthesized(print(base)) : print(base);
    const std::string below = compound || kind == Kind::function ? parenthesized(print(base)) : print(base);
    if (latex_) return (kind == Kind::symbol ? "{" + below + "}" : below) + "^{" + exponent_of(exponent) + "}";
    return below +
           (exponent.whole() ? raised(std::to_string(exponent.numerator)) : "^" + parenthesized(number(exponent)));
  }

  [[nodiscard]] static std::string exponent_of(const Number& n) {
    if (!n.exact()) return decimal(n.value);
    return std::to_string(n.numerator) + (n.whole() ? "" : "/" + std::to_string(n.denominator));
  }

  [[nodiscard]] std::string function(const Node& node) const {
    if (node.written && node.symbol.text == "pow") {
      const std::string base = parenthesized(print(node.arguments[0])), exponent = print(node.arguments[1]);
      return latex_ ? base + "^{" + exponent + "}" : base + "^(" + exponent + ")";
    }
    std::string inside;
    for (const Expression& argument : node.arguments) inside += (inside.empty() ? "" : ", ") + print(argument);
    return name(node.symbol) + parenthesized(inside);
  }

  bool latex_;
};

std::string Expression::text() const {
  return Printer(false).print(*this);
}

std::string Expression::latex() const {
  return Printer(true).print(*this);
}

}  // namespace sigprop::scalar
