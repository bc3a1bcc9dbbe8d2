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

constexpr int number_digits = 6;  ///< of a number that is no fraction
constexpr int sample_digits = 5;  ///< of a sample

std::string decimal(double x, int significant = number_digits) {
  char out[32];
  return {out, std::to_chars(out, out + sizeof out, x, std::chars_format::general, significant).ptr};
}

/// Is a symbol's name a square, σ² or \\sigma_3^2, which raised again needs parentheses?
bool is_square(const std::string& name) {
  const auto ends_with = [&](const std::string& end) {
    return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
  };
  return ends_with("²") || ends_with("^2") || ends_with(" 2}");
}

/// Whole exponents stand raised in Unicode.
std::string raised(const std::string& digits) {
  constexpr const char* figures[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string out;
  for (const char c : digits) out += c == '-' ? "⁻" : figures[c - '0'];
  return out;
}

}  // namespace

/// Prints a tree in one of two notations, with the names of its symbols or with their samples.
class Printer {
 public:
  Printer(bool latex, Expression::Shown shown) : latex_(latex), samples_(shown == Expression::Shown::samples) {}

  [[nodiscard]] std::string print(const Expression& x) const {
    const Node& node = *x.node_;
    switch (node.kind) {
      case Kind::number:
        return number(node.number);
      case Kind::symbol:
        return is_sample(node) ? sample(node.sample) : name(node.symbol);
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

  [[nodiscard]] bool is_sample(const Node& node) const {
    return samples_ && node.kind == Kind::symbol && node.symbol.text != "π";
  }

  [[nodiscard]] std::string sample(double x) const {
    const std::string shown = decimal(x, sample_digits);
    const std::size_t e = shown.find('e');
    if (e == std::string::npos) return shown;
    const std::string exponent = std::to_string(std::stoi(shown.substr(e + 1)));
    return shown.substr(0, e) + (latex_ ? " \\cdot 10^{" + exponent + "}" : "·10" + raised(exponent));
  }

  /// What is more than one sign when it is raised, or beside others in a product.
  [[nodiscard]] bool is_compound(const Node& node, bool raised) const {
    if (node.kind == Kind::sum || node.kind == Kind::product) return true;
    if (is_sample(node))
      return node.sample < 0 || (raised && decimal(node.sample, sample_digits).find('e') != std::string::npos);
    // σ² to the third is not σ²³.
    return raised && (node.kind == Kind::number || (node.kind == Kind::symbol && is_square(name(node.symbol))));
  }

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

  [[nodiscard]] const char* between() const {
    if (latex_) return samples_ ? " \\cdot " : " \\, ";
    return samples_ ? " · " : " ";
  }

  [[nodiscard]] std::string product(const Number& coefficient, const std::vector<Factor>& factors) const {
    std::string above, below;
    int below_count = 0;
    const auto place = [&](std::string& side, const std::string& part) {
      side += (side.empty() ? "" : between()) + part;
    };
    const bool negative = coefficient.value < 0;
    const Number size = negative ? coefficient * Number(-1, 1) : coefficient;
    if (!size.exact()) {
      if (decimal(size.value) != "1") place(above, decimal(size.value));
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
        if (inverse) below_count += is_sample(*factor.base.node_) && is_compound(*factor.base.node_, true) ? 2 : 1;
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
    const Node& node = *base.node_;
    const Kind kind = node.kind;
    const bool compound = is_compound(node, !exponent.is(1));
    if (exponent.is(1)) return compound && (!alone || is_sample(node)) ? parenthesized(print(base)) : print(base);
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
    std::string inside;
    for (const Expression& argument : node.arguments) inside += (inside.empty() ? "" : ", ") + print(argument);
    return name(node.symbol) + parenthesized(inside);
  }

  bool latex_;
  bool samples_;
};

std::string Expression::text(Shown shown) const {
  return Printer(false, shown).print(*this);
}

std::string Expression::latex(Shown shown) const {
  return Printer(true, shown).print(*this);
}

}  // namespace sigprop::scalar
