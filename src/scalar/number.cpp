// SPDX-License-Identifier: Apache-2.0
#include "scalar/number.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace sigprop::scalar {

Number::Number(double x) : numerator(0), denominator(0), value(x) {
  constexpr double largest = 1e15;
  for (long long d = 1; d <= 1024; d *= 2) {  // what a code writes: whole numbers, halves, quarters
    const double n = x * static_cast<double>(d);
    if (std::abs(n) > largest || n != std::floor(n)) continue;
    numerator = static_cast<long long>(n);
    denominator = d;
    return;
  }
}

Number::Number(long long n, long long d) {
  const long long common = std::gcd(n, d) * (d < 0 ? -1 : 1);
  numerator = n / common;
  denominator = d / common;
  value = static_cast<double>(numerator) / static_cast<double>(denominator);
}

std::string Number::key() const {
  if (!exact()) {
    char out[32];
    return {out, std::to_chars(out, out + sizeof out, value).ptr};  // the shortest that tells it from its neighbours
  }
  return std::to_string(numerator) + (whole() ? "" : "/" + std::to_string(denominator));
}

Number operator+(const Number& a, const Number& b) {
  long long left = 0, right = 0, n = 0, d = 0;
  if (!a.exact() || !b.exact() || __builtin_mul_overflow(a.numerator, b.denominator, &left) ||
      __builtin_mul_overflow(b.numerator, a.denominator, &right) || __builtin_add_overflow(left, right, &n) ||
      __builtin_mul_overflow(a.denominator, b.denominator, &d)) {
    const double sum = a.value + b.value;
    constexpr double rounding = 4e-16;  // what is left of numbers that are equal but for rounding is none
    return Number(std::abs(sum) <= rounding * std::max(std::abs(a.value), std::abs(b.value)) ? 0 : sum);
  }
  return {n, d};
}

Number operator*(const Number& a, const Number& b) {
  long long n = 0, d = 0;
  if (!a.exact() || !b.exact() || __builtin_mul_overflow(a.numerator, b.numerator, &n) ||
      __builtin_mul_overflow(a.denominator, b.denominator, &d))
    return Number(a.value * b.value);
  return {n, d};
}

Number Number::inverse() const {
  return exact() && numerator != 0 ? Number(denominator, numerator) : Number(1 / value);
}

std::optional<Number> folded_power(const Number& a, const Number& e) {
  if (!a.exact()) return Number(std::pow(a.value, e.value));
  if (e.whole() && std::abs(e.numerator) <= 64) {
    Number out(1, 1);
    for (long long i = 0; i < std::abs(e.numerator); ++i) out = out * a;
    return e.numerator < 0 ? out.inverse() : out;
  }
  if (e.exact() && e.denominator == 2 && a.value > 0) {
    const auto root = [](long long n) { return std::llround(std::sqrt(static_cast<double>(n))); };
    const Number half(root(a.numerator), root(a.denominator));
    const Number square = half * half;
    if (square.numerator == a.numerator && square.denominator == a.denominator)
      return folded_power(half, Number(e.numerator, 1));
  }
  return {};
}

}  // namespace sigprop::scalar
