// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

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

/// a^e where that folds: a whole power, a root of squares, any power of what is no fraction.
[[nodiscard]] std::optional<Number> folded_power(const Number& a, const Number& e);

}  // namespace sigprop::scalar
