// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/scalar/expression.hpp"

namespace sigprop::scalar {

/// A fraction of whole numbers while it fits, else a double.
struct Number {
  long long numerator = 0;
  long long denominator = 1;  ///< above 0; 0 where the number is no such fraction
  double value = 0;

  Number() = default;
  explicit Number(double x);
  Number(long long n, long long d);

  [[nodiscard]] bool exact() const { return denominator != 0; }
  [[nodiscard]] bool whole() const { return denominator == 1; }
  [[nodiscard]] bool is(long long n) const { return whole() && numerator == n; }
  [[nodiscard]] std::string key() const;

  friend Number operator+(const Number& a, const Number& b);
  friend Number operator*(const Number& a, const Number& b);
  [[nodiscard]] Number inverse() const;
};

struct Expression::Node {
  enum class Kind { number, symbol, sum, product, function };

  /// coefficient · of: a term of a sum, where `of` has the coefficient 1.
  struct Term {
    Number coefficient;
    Expression of;
  };

  /// base^exponent; a base is no number but for its roots, and no product but where its power cannot be laid open.
  struct Factor {
    Expression base;
    Number exponent;
  };

  Kind kind = Kind::number;
  double sample = 0;
  std::string key;
  Number number;                      ///< of a number; the constant of a sum; the coefficient of a product
  Symbol symbol;                      ///< a symbol, or a function's name
  bool written = false;               ///< of a function: one of mathematics, not one that is left open
  std::vector<Term> terms;            ///< of a sum
  std::vector<Factor> factors;        ///< of a product
  std::vector<Expression> arguments;  ///< of a function
};

}  // namespace sigprop::scalar
