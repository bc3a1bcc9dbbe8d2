// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <sstream>
#include <stdexcept>

#include "sigprop/scalar/scalar.hpp"

/// Domain checks of the formulas. Each throws std::domain_error "NAME is VALUE, but must be RANGE".
namespace sigprop::formula {

[[noreturn]] inline void throw_domain(const char* name, double value, const char* range) {
  std::ostringstream message;
  message << name << " is " << value << ", but must be " << range;
  throw std::domain_error(message.str());
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
  if (mean != T(0)) {
    std::ostringstream name;
    name << formula << " input mean";
    throw_domain(name.str().c_str(), scalar::value_of(mean), "0 (use the quadrature for another mean)");
  }
}

}  // namespace sigprop::formula
