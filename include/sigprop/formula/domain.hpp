// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>

#include "sigprop/scalar/scalar.hpp"

/// Domain checks of the formulas. Each throws a DomainError "NAME is VALUE, but must be RANGE".
namespace sigprop::formula {

/// An argument that lies outside a formula's domain.
struct DomainError : std::domain_error {
  DomainError(const std::string& of, double found, const std::string& allowed)
      : std::domain_error(message(of, found, allowed)), name(of), value(found), range(allowed) {}

  std::string name;
  double value;
  std::string range;

 private:
  [[nodiscard]] static std::string message(const std::string& of, double found, const std::string& allowed) {
    std::ostringstream out;
    out << of << " is " << found << ", but must be " << allowed;
    return out.str();
  }
};

[[noreturn]] inline void throw_domain(const std::string& name, double value, const std::string& range) {
  throw DomainError(name, value, range);
}

inline void require_finite(const char* name, double value) {
  if (!std::isfinite(value)) throw_domain(name, value, "finite");
}

template <class T>
void require_not_negative(const char* name, const T& value) {
  if (!(value >= T(0))) throw_domain(name, scalar::value_of(value), "at least 0");
}

template <class T>
void require_positive(const char* name, const T& value) {
  if (!(value > T(0))) throw_domain(name, scalar::value_of(value), "above 0");
}

/// The same for the numbers of several tokens.
template <std::ranges::range Tokens>
void require_positive(const char* name, const Tokens& values) {
  for (const auto& value : values) require_positive(name, value);
}

template <class T>
void require_at_least_one(const char* name, const T& value) {
  if (!(value >= T(1))) throw_domain(name, scalar::value_of(value), "at least 1");
}

template <class T>
void require_at_least_two(const char* name, const T& value) {
  if (!(value >= T(2))) throw_domain(name, scalar::value_of(value), "at least 2");
}

/// 0 ≤ p < 1: the probability that dropout drops an element.
template <class T>
void require_drop_probability(const T& p) {
  if (!(p >= T(0) && p < T(1))) throw_domain("drop probability p", scalar::value_of(p), "in [0, 1)");
}

template <class T>
void require_correlation(const char* name, const T& r) {
  if (!(r >= T(-1) && r <= T(1))) throw_domain(name, scalar::value_of(r), "in [-1, 1]");
}

template <class T>
void require_zero_mean(const char* formula, const T& mean) {
  if (mean != T(0))
    throw_domain(std::string(formula) + " input mean", scalar::value_of(mean),
                 "0 (use the quadrature for another mean)");
}

}  // namespace sigprop::formula
