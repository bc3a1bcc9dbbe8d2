// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <numbers>

namespace sigprop::scalar {

/// What a formula needs to know of a number type beyond its arithmetic and its ADL mathematics
/// (sqrt, exp, log, acos, ...). Specialized for a type whose constants or value live in another
/// type (the dual number); see scalars.hpp for the list.
template <class T>
struct Traits {
  using Real = T;       ///< the type that constants are computed in
  using Tabulated = T;  ///< the type that functions of T are tabulated in
};

/// π in a type of constants; specialized in wide.hpp for types of more digits than the standard
/// library knows.
template <class Real>
struct Pi {
  [[nodiscard]] static Real value() { return std::numbers::pi_v<Real>; }
};

/// π in the precision of T.
template <class T>
[[nodiscard]] T pi() {
  return T(Pi<typename Traits<T>::Real>::value());
}

/// The plain value of a number: what a branch (grid range, clamp, table cell) may depend on,
/// derivatives dropped.
template <class T>
[[nodiscard]] double value_of(const T& x) {
  return static_cast<double>(x);
}

}  // namespace sigprop::scalar
