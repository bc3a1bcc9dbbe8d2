// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sigprop/scalar/scalar.hpp"

namespace sigprop::scalar {

/// A name, as text and in LaTeX. A positive one is a variance, a size, a probability: √(a²) is a.
struct Symbol {
  std::string text;
  std::string latex;
  bool positive = true;
};

/// A formula as mathematics: an immutable tree of numbers, symbols, sums, products of powers and
/// functions, that a formula's template builds when it is read with it. Each carries a sample: its
/// value at the samples of its symbols, computed with the operations of the code in their order.
/// What a template branches on (a domain, a clamp) is decided by it, so that an expression is the
/// formula around that point.
///
/// On construction
///   numbers are folded, fractions exactly as long as numerator and denominator are whole;
///   like terms of a sum, and powers of one base in a product, are collected;
///   a factor that all terms of a sum have in common is taken out, and a sum within a sum or a product within a product is laid open;
///   a power of a power, or of a product, is laid open where its bases are positive, or the outer exponent is whole;
///   a power whose exponent is no number is exp(exponent · ln base).
/// Each keeps the value where the expression is defined. Terms keep the order of the code.
class Expression {
 public:
  Expression() : Expression(0) {}
  explicit Expression(double number);
  Expression(const Symbol& symbol, double sample);
  /// A function that is not written out: S2(v, L). Its derivatives are functions of the same kind.
  [[nodiscard]] static Expression function(const Symbol& name, const std::vector<Expression>& arguments, double sample);

  [[nodiscard]] double sample() const;
  [[nodiscard]] bool is_number() const;
  explicit operator double() const { return sample(); }

  friend Expression operator+(const Expression& a, const Expression& b);
  friend Expression operator-(const Expression& a, const Expression& b);
  friend Expression operator*(const Expression& a, const Expression& b);
  friend Expression operator/(const Expression& a, const Expression& b);
  friend Expression operator-(const Expression& a);
  friend Expression operator+(const Expression& a) { return a; }
  Expression& operator+=(const Expression& b) { return *this = *this + b; }
  Expression& operator-=(const Expression& b) { return *this = *this - b; }
  Expression& operator*=(const Expression& b) { return *this = *this * b; }
  Expression& operator/=(const Expression& b) { return *this = *this / b; }

  /// By samples.
  friend bool operator==(const Expression& a, const Expression& b) { return a.sample() == b.sample(); }
  friend std::partial_ordering operator<=>(const Expression& a, const Expression& b) {
    return a.sample() <=> b.sample();
  }

  friend Expression sqrt(const Expression& x);
  friend Expression pow(const Expression& x, const Expression& power);
  friend Expression exp(const Expression& x);
  friend Expression log(const Expression& x);
  friend Expression log10(const Expression& x) { return log(x) / log(Expression(10)); }
  friend Expression sin(const Expression& x);
  friend Expression asin(const Expression& x);
  friend Expression acos(const Expression& x);
  friend Expression tanh(const Expression& x);
  friend Expression erf(const Expression& x);
  friend Expression erfc(const Expression& x);
  friend Expression abs(const Expression& x);

  /// The value of the tree where symbols, by their text, and functions that are not written out
  /// have these values.
  [[nodiscard]] double evaluate(
      const std::function<double(const std::string&)>& symbol,
      const std::function<double(const std::string&, const std::vector<double>&)>& function = {}) const;

  /// Its symbols with their samples, each once, in the order in which they stand.
  [[nodiscard]] std::vector<std::pair<Symbol, double>> symbols() const;

  /// Does a double hold all numbers that stand in it?
  [[nodiscard]] bool is_finite() const;

  /// By the symbol of that text.
  [[nodiscard]] Expression derivative(const std::string& symbol) const;

  /// With an expression in a symbol's place.
  [[nodiscard]] Expression substituted(const std::string& symbol, const Expression& by) const;

  /// What stands for a symbol (π aside) in print: its name, or its sample.
  enum class Shown { names, samples };

  /// In Unicode on one line, and as LaTeX for a formula's line.
  [[nodiscard]] std::string text(Shown shown = Shown::names) const;
  [[nodiscard]] std::string latex(Shown shown = Shown::names) const;

  /// Equal trees have equal keys, whatever the order of terms.
  [[nodiscard]] const std::string& key() const;

  struct Node;

 private:
  explicit Expression(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
  friend struct Builder;
  friend class Printer;
  void collect(std::vector<std::pair<Symbol, double>>& out) const;

  std::shared_ptr<const Node> node_;
};

template <>
[[nodiscard]] Expression pi<Expression>();

}  // namespace sigprop::scalar
