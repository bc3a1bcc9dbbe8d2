// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "scalar/number.hpp"
#include "sigprop/scalar/expression.hpp"

namespace sigprop::scalar {

struct WrittenFunction;

struct Expression::Node {
  enum class Kind { number, symbol, sum, product, function };

  /// coefficient · of: a term of a sum, where `of` has the coefficient 1.
  struct Term {
    Number coefficient;
    Expression of;
  };

  /// base^exponent; a base is no number but for its roots, and no product but where its power
  /// cannot be laid open.
  struct Factor {
    Expression base;
    Number exponent;
  };

  Kind kind = Kind::number;
  double sample = 0;
  std::string key;
  Number number;                             ///< of a number; the constant of a sum; the coefficient of a product
  Symbol symbol;                             ///< a symbol, or a function's name
  const WrittenFunction* written = nullptr;  ///< of a function: one of mathematics; none for one that is left open
  std::vector<Term> terms;                   ///< of a sum
  std::vector<Factor> factors;               ///< of a product
  std::vector<Expression> arguments;         ///< of a function
};

/// How nodes are made: every rule of simplification is one of these.
struct Builder {
  using Node = Expression::Node;

  [[nodiscard]] static const Node& of(const Expression& x) { return *x.node_; }
  /// With its key; nothing is simplified.
  [[nodiscard]] static Expression made(Node node);

  [[nodiscard]] static Expression number(const Number& n, double sample);
  [[nodiscard]] static Expression symbol(const Symbol& symbol, double sample);
  [[nodiscard]] static Expression function(const Symbol& name, const std::vector<Expression>& arguments, double sample);
  [[nodiscard]] static Expression function(const WrittenFunction& written, const Expression& x);
  [[nodiscard]] static Expression product(Number coefficient, const std::vector<Node::Factor>& factors, double sample);
  [[nodiscard]] static Expression power(const Expression& x, const Number& exponent);
  [[nodiscard]] static Expression sum(Number constant, const std::vector<Node::Term>& terms, double sample);
  [[nodiscard]] static Expression scaled(const Number& coefficient, const Expression& x);
};

}  // namespace sigprop::scalar
