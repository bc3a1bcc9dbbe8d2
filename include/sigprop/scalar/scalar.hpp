// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/math/constants/constants.hpp>

namespace sigprop::scalar {

/// What a formula needs to know of a number type beyond its arithmetic and its ADL mathematics (sqrt, exp, log, acos, ...).
/// Specialized for a type whose constants or value live in another type (the dual number); see scalars.hpp for the list.
template <class T>
struct Traits {
  using Real = T;  ///< the type that constants are computed in
};

/// π in the precision of T.
template <class T>
[[nodiscard]] T pi() {
  return T(boost::math::constants::pi<typename Traits<T>::Real>());
}

/// The plain value of a number: what a branch (grid range, clamp, table cell) may depend on, derivatives dropped.
template <class T>
[[nodiscard]] double value_of(const T& x) {
  return static_cast<double>(x);
}

}  // namespace sigprop::scalar
