// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "sigprop/scalar/scalar.hpp"

namespace sigprop::scalar {

/// A dual number: a double and its first derivatives along N directions at once. Comparisons look
/// at the value alone, as a branch must. Boost's autodiff has one direction a number, so that N of
/// them would take N times as long.
template <std::size_t N>
struct Jet {
  double value = 0;
  std::array<double, N> slopes{};

  Jet() = default;
  explicit Jet(double x) : value(x) {}
  /// The variable of a direction.
  Jet(double x, std::size_t direction) : value(x) { slopes[direction] = 1; }

  explicit operator double() const { return value; }

  Jet& operator+=(const Jet& b) {
    value += b.value;
    for (std::size_t i = 0; i < N; ++i) slopes[i] += b.slopes[i];
    return *this;
  }
  Jet& operator-=(const Jet& b) {
    value -= b.value;
    for (std::size_t i = 0; i < N; ++i) slopes[i] -= b.slopes[i];
    return *this;
  }
  Jet& operator*=(const Jet& b) {
    for (std::size_t i = 0; i < N; ++i) slopes[i] = slopes[i] * b.value + value * b.slopes[i];
    value *= b.value;
    return *this;
  }
  Jet& operator/=(const Jet& b) {
    const double inverse = 1 / b.value;
    value /= b.value;
    for (std::size_t i = 0; i < N; ++i) slopes[i] = (slopes[i] - value * b.slopes[i]) * inverse;
    return *this;
  }

  friend Jet operator+(Jet a, const Jet& b) { return a += b; }
  friend Jet operator-(Jet a, const Jet& b) { return a -= b; }
  friend Jet operator*(Jet a, const Jet& b) { return a *= b; }
  friend Jet operator/(Jet a, const Jet& b) { return a /= b; }
  friend Jet operator-(Jet a) {
    a.value = -a.value;
    for (double& slope : a.slopes) slope = -slope;
    return a;
  }
  friend Jet operator+(const Jet& a) { return a; }

  friend bool operator==(const Jet& a, const Jet& b) { return a.value == b.value; }
  friend auto operator<=>(const Jet& a, const Jet& b) { return a.value <=> b.value; }

  /// f(x) by the value and the derivative of f there. A direction in which x does not move gives 0,
  /// also where the derivative is infinite.
  [[nodiscard]] Jet through(double f, double derivative) const {
    Jet out(f);
    for (std::size_t i = 0; i < N; ++i) out.slopes[i] = slopes[i] == 0 ? 0 : derivative * slopes[i];
    return out;
  }

  friend Jet sqrt(const Jet& x) {
    const double root = std::sqrt(x.value);
    return x.through(root, 0.5 / root);
  }
  friend Jet exp(const Jet& x) {
    const double e = std::exp(x.value);
    return x.through(e, e);
  }
  friend Jet log(const Jet& x) { return x.through(std::log(x.value), 1 / x.value); }
  friend Jet log10(const Jet& x) { return x.through(std::log10(x.value), 1 / (x.value * std::numbers::ln10)); }
  friend Jet abs(const Jet& x) { return x.value < 0 ? -x : x; }
  friend Jet sin(const Jet& x) { return x.through(std::sin(x.value), std::cos(x.value)); }
  friend Jet cos(const Jet& x) { return x.through(std::cos(x.value), -std::sin(x.value)); }
  friend Jet asin(const Jet& x) { return x.through(std::asin(x.value), 1 / std::sqrt((1 - x.value) * (1 + x.value))); }
  friend Jet acos(const Jet& x) { return x.through(std::acos(x.value), -1 / std::sqrt((1 - x.value) * (1 + x.value))); }
  friend Jet tanh(const Jet& x) {
    const double t = std::tanh(x.value);
    return x.through(t, (1 - t) * (1 + t));
  }
  friend Jet erf(const Jet& x) { return x.through(std::erf(x.value), bell(x.value)); }
  friend Jet erfc(const Jet& x) { return x.through(std::erfc(x.value), -bell(x.value)); }
  friend Jet pow(const Jet& x, const Jet& power) {
    const double p = std::pow(x.value, power.value);
    Jet out = x.through(p, power.value * std::pow(x.value, power.value - 1));
    return x.value > 0 ? out += power.through(0, p * std::log(x.value)) : out;
  }

 private:
  /// erf'(x)
  [[nodiscard]] static double bell(double x) { return 2 * std::numbers::inv_sqrtpi * std::exp(-x * x); }
};

template <std::size_t N>
struct Traits<Jet<N>> {
  using Real = double;
  using Tabulated = Jet<N>;
};

/// Equal in all that a number carries.
template <std::size_t N>
[[nodiscard]] bool same(const Jet<N>& a, const Jet<N>& b) {
  return a.value == b.value && a.slopes == b.slopes;
}

template <class T>
[[nodiscard]] bool same(const T& a, const T& b) {
  return a == b;
}

}  // namespace sigprop::scalar
