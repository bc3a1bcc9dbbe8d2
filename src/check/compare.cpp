// SPDX-License-Identifier: Apache-2.0
#include "check/compare.hpp"

#include <algorithm>
#include <cmath>

#include "sigprop/profile/summary.hpp"

namespace sigprop::check {
namespace {

using profile::Quantity;

constexpr double infinity = std::numeric_limits<double>::infinity();

/// log10 of the absolute value: the double's own where it holds the number, so that equal doubles
/// compare as equal.
double magnitude(const Quantity& q) {
  return q.representable() ? std::log10(std::abs(q.value)) : q.log10;
}

/// -1, 0 or 1. A number too small for a double is a zero with its sign.
int sign(const Quantity& q) {
  if (std::isinf(q.log10) && q.log10 < 0) return 0;
  return std::signbit(q.value) ? -1 : 1;
}

double beyond_max(const Quantity& q, const Quantity& max) {
  const int sign_of_value = sign(q), sign_of_max = sign(max);
  if (sign_of_value != sign_of_max) return sign_of_value > sign_of_max ? infinity : -infinity;
  return sign_of_value * (sign_of_value == 0 ? 0 : magnitude(q) - magnitude(max));
}

Quantity negative(const Quantity& q) {
  return {-q.value, q.log10};
}

}  // namespace

bool is_number(const Quantity& q) {
  return !std::isnan(q.value) && !std::isnan(q.log10) && q.log10 < infinity;
}

Quantity ratio(const Quantity& a, const Quantity& b) {
  const int over = sign(b);
  if (over == 0) return {sign(a) == 0 ? NAN : sign(a) * infinity};
  const double log10 = magnitude(a) - magnitude(b);
  const bool held = a.representable() && b.representable();
  Quantity out(held ? a.value / b.value : sign(a) * over * std::pow(10.0, log10), log10);
  profile::set_slopes_of_ratio(a, b, out);
  return out;
}

double excess(const Quantity& q, const Condition& condition) {
  if (!is_number(q) && !std::isinf(q.value)) return infinity;
  double out = -infinity;
  if (condition.max) out = std::max(out, beyond_max(q, *condition.max));
  if (condition.min) out = std::max(out, beyond_max(negative(q), negative(*condition.min)));
  return out;
}

}  // namespace sigprop::check
