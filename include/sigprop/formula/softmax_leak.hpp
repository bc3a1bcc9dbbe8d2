// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <vector>

#include "sigprop/formula/domain.hpp"
#include "sigprop/formula/softmax_row.hpp"

namespace sigprop::formula {

/// Name     softmax_leak
/// What a row's average of its keys gains where their products fluctuate between networks or
/// sequences.
///     E[Σ_jl A_j A_l X_jl] - w E[Σ A²] = s w v Λ,  Λ = a + v D/4
///     a = E[1 - S2 - 4 (S2 - S3) + 6 (S2² - S4)]
///     D = E[-10 S2 - 6 S2² + 64 S3 - 96 S4 - 144 S2 S3 + 120 S2³ - 120 S2 S4 + 192 S5]
/// Symbols  A = softmax(x), x: n scores of variance v.  S_m = Σ A^m.  w: variance of a key's
///          feature.  s: variance of X_jl of two different keys over w², 1/d where they are
///          independent.
/// Status   exact to first order in s for keys of fixed length; quadrature error below 5e-6. Drawn
///          keys, n = 64, d = 256, v = 2.7: the left side is 0.040 ± 0.006 of E[Σ A²], s v Λ is
///          0.041, s v (1 - S2)² is 0.071.
/// Assumes  scores normal and independent after the row's common part is removed.
/// Domain   v ≥ 0, n ≥ 1
/// Source   our own.
/// Why      scores and averages read the same products. Differentiating the softmax twice under
///          the normal average of X_jl gives moments of A; those come as in softmax_row,
///          E[Π A_i^(a_i)] = ∫ t^(a-1)/Γ(a) Π E_(a_i)0 E_00^(n-m) dt.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] T softmax_leak(const T& v, const T& keys) {
  using std::exp;
  using std::log;
  using std::sqrt;
  require_not_negative("score variance v", v);
  require_at_least_one("number of keys", keys);
  if (scalar::value_of(keys) <= 1) return T(0);
  constexpr double step = 0.35, reach = 7.2, negligible = 1e-9;
  const double deviation = std::sqrt(scalar::value_of(v));
  const double centre = laplace_centre(scalar::value_of(v), scalar::value_of(keys));
  const T sd = deviation > 0 ? T(sqrt(v)) : T(0);
  const std::vector<NormalPoint> normal = trapezoid_normal(deviation, step, reach);
  const T& n = keys;
  const T n2 = n * (n - T(1)), n3 = n2 * (n - T(2));
  T first(0), second(0);
  const double top = 6 + reach * deviation;
  for (int index = 0;; ++index) {
    const double alpha = top - index * step;
    std::array<T, 7> e{};  // E[y^m e^-y], y = t eˣ
    for (const NormalPoint& point : normal) {
      const T y = exp(T(alpha) + sd * T(point.z));
      if (scalar::value_of(y) > largest_exponent) break;  // nor does any larger one count
      T term = T(point.weight) * exp(-y);
      for (T& moment : e) {
        moment += term;
        term *= y;
      }
    }
    const T log_one = log(e[0]);
    const T one = n * exp((n - T(1)) * log_one), two = n2 * exp((n - T(2)) * log_one);
    const T three = n3 * exp((n - T(3)) * log_one);
    const T s2 = one * e[2], s3 = one * e[3] / T(2), s4 = one * e[4] / T(6), s5 = one * e[5] / T(24);
    const T s22 = (one * e[4] + two * e[2] * e[2]) / T(6), s23 = (one * e[5] + two * e[2] * e[3]) / T(24);
    const T s24 = (one * e[6] + two * e[2] * e[4]) / T(120);
    const T s222 = (one * e[6] + T(3) * two * e[2] * e[4] + three * e[2] * e[2] * e[2]) / T(120);
    first += T(-5) * s2 + T(4) * s3 + T(6) * (s22 - s4);
    second += T(-10) * s2 - T(6) * s22 + T(64) * s3 - T(96) * s4 - T(144) * s23 + T(120) * (s222 - s24) + T(192) * s5;
    if (alpha < centre && scalar::value_of(s2) < negligible) break;
  }
  return T(1) + T(step) * (first + v * second / T(4));
}

/// Λ as a share of (1 - S2)², which two rows of different queries have in its place. 0 for a row
/// that sees one key.
template <class T>
[[nodiscard]] T leak_share(const T& leak, const T& squares) {
  const T spread = T(1) - squares;
  return spread > T(0) ? T(leak / (spread * spread)) : T(0);
}

}  // namespace sigprop::formula
