// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "sigprop/formula/domain.hpp"

namespace sigprop::formula {

/// Functionals of one softmax row A over n keys with independent normal scores x of variance v.
template <class T>
struct SoftmaxRow {
  T squares;  ///< S2 = E[Σ A²]
  T cubes;    ///< S3 = E[Σ A³]
  T jacobian;  ///< T = E[Σ_jk J_jk²], J = diag A - A Aᵀ: squared row of the score gradient per unit of gradient variance
  T score_jacobian;  ///< T_x = E[Σ_j A_j² (x_j - Σ_k A_k x_k)²]/v
  T entropy;         ///< E[-Σ A ln A], nats
  T fourths;         ///< S4 = E[Σ A⁴]
};

/// A trapezoid node of the standard normal, in double: grids are constants of differentiation.
struct NormalPoint {
  double z;
  double weight;
};

/// Trapezoid rule for functions of x = sd z that bend on the scale of x = 1: the step in z is
/// step/max(1, sd). Weights sum to 1, so that the n-th power of an expectation that is 1 stays 1.
[[nodiscard]] inline std::vector<NormalPoint> trapezoid_normal(double sd, double step, double reach) {
  const double dz = step / std::max(1.0, sd);
  const int count = static_cast<int>(std::ceil(reach / dz));
  std::vector<NormalPoint> points;
  for (int i = -count; i <= count; ++i) {
    const double z = i * dz;
    points.push_back({z, std::exp(-z * z / 2)});
  }
  double sum = 0;
  for (const NormalPoint& point : points) sum += point.weight;
  for (NormalPoint& point : points) point.weight /= sum;
  return points;
}

/// The step in α of a product of few kernels. Scores smooth a kernel on the scale of their
/// deviation, and few keys, whose powers are low, leave the product as smooth: below 1e-5 is lost
/// against the fine step, and most of the time at large v is saved.
[[nodiscard]] inline double smooth_step(double fine, double deviation, double keys) {
  constexpr double few = 64, part = 3;
  return keys <= few ? std::max(fine, deviation / part) : fine;
}

/// Beyond it e^-y is 0 in double, but a power of y times that no number.
inline constexpr double largest_exponent = 745;

/// Where the Laplace variable of a sum of n exponentials matters: -ln of its typical size. E[ln Z]
/// = -centre + O(1).
[[nodiscard]] inline double laplace_centre(double v, double keys) {
  return -std::log(keys) - std::min(v / 2, std::sqrt(2 * v * std::log(keys)));
}

/// Name     softmax_row
/// Exact functionals of one softmax row over n keys, at any score variance.
///     S2 = E[Σ A²] = n ∫ t E_20 E_00^{n-1} dt    S3 = E[Σ A³] = n ∫ t²/2 E_30 E_00^{n-1} dt
///     S4 = E[Σ A⁴] = n ∫ t³/6 E_40 E_00^{n-1} dt
///     T = S2 - 2 S3 + E[(Σ A²)²] = n(n-1) ∫ t³/6 E_20 [ 2 E_20 E_00^{n-2} + (n-2) E_10² E_00^{n-3} ] dt
///     T_x = (1/v) E[Σ_j A_j² (x_j - Σ_k A_k x_k)²]
///     entropy = E[ln Z] - v (1 - S2),  E[ln Z] = ∫ (e^{-t} - E_00^n) dt/t
/// Symbols  A = softmax(x), x: n scores of variance v.  E_ab(t) = E[xᵇ e^{ax} e^{-t eˣ}], x ~ N(0,
///          v).
/// Status   exact for independent normal scores. Quadrature error from v = 0 to 1000: S2, S3, T
///          below 1e-4 relative; T_x (which T far exceeds at sharp scores) below 2e-5 and entropy
///          below 2e-4 absolute.
/// Assumes  scores normal and independent after the row's common part is removed.
/// Domain   v ≥ 0, n ≥ 1
/// Source   our own.
/// Why      1/Z^m = ∫ t^{m-1}/(m-1)! e^{-tZ} dt turns the denominator into a product over keys.
///          With t = e^α the kernels (t eˣ)^a e^{-t eˣ} are bounded and smooth, and the trapezoid
///          rule in α and x converges exponentially. The second form of T has positive terms only:
///          nothing cancels at sharp scores.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] SoftmaxRow<T> softmax_row(const T& v, const T& keys, double refinement = 1) {
  using std::exp;
  using std::log;
  using std::sqrt;
  require_not_negative("score variance v", v);
  require_at_least_one("number of keys", keys);
  if (scalar::value_of(keys) <= 1) return {T(1), T(1), T(0), T(0), T(0), T(1)};
  const double step = 0.45 / refinement;  // trapezoid error |Γ(4 + 2πi/0.45)| = 5e-6 at the sharpest kernel
  constexpr double reach = 7.2;           // normal mass beyond: 6e-13
  constexpr double negligible = 1e-8;
  const double v_value = scalar::value_of(v);
  const double sd_value = std::sqrt(v_value);
  const double centre = laplace_centre(v_value, scalar::value_of(keys));
  const T sd = v_value > 0 ? T(sqrt(v)) : T(0);
  const std::vector<NormalPoint> normal = trapezoid_normal(sd_value, step, reach);
  std::vector<T> exponential;
  exponential.reserve(normal.size());
  for (const NormalPoint& point : normal) exponential.push_back(exp(sd * T(point.z)));

  const T& n = keys;
  const T n2 = n * (n - T(1));
  const T n3 = n2 * (n - T(2));
  T squares(0), cubes(0), fourths(0), jacobian(0), a(0), b(0), c(0), log_sum(0);
  const double top = 4 + reach * sd_value;
  const double bottom = -top - std::log(scalar::value_of(keys)) - 20;  // where even n of the largest weigh nothing
  const bool factors = top < 300;  // beyond it eᵅ and e^(sd z) leave the range of a double, their product does not
  for (int index = 0;; ++index) {
    const double alpha = top - index * step;
    const double t = std::exp(alpha);
    T e00(0), e10(0), e11(0), e20(0), e21(0), e22(0), e30(0), e31(0), e32(0), e40(0), e42(0);
    for (std::size_t k = 0; k < normal.size(); ++k) {
      const double z = normal[k].z;
      const T y = factors ? T(T(t) * exponential[k]) : T(exp(T(alpha) + sd * T(z)));
      if (scalar::value_of(y) > largest_exponent) break;  // nor does any larger one count
      const T kernel = T(normal[k].weight) * exp(-y);
      const T y1 = kernel * y, y2 = y1 * y, y3 = y2 * y, y4 = y3 * y;
      e00 += kernel;
      e10 += y1;
      e11 += T(z) * y1;
      e20 += y2;
      e21 += T(z) * y2;
      e22 += T(z * z) * y2;
      e30 += y3;
      e31 += T(z) * y3;
      e32 += T(z * z) * y3;
      e40 += y4;
      e42 += T(z * z) * y4;
    }
    const T log_e00 = log(e00);
    const T power1 = exp((n - T(1)) * log_e00);
    const T power2 = exp((n - T(2)) * log_e00);
    const T power3 = exp((n - T(3)) * log_e00);
    const T square_part = n * e20 * power1;
    const T log_part = T(std::exp(-std::exp(alpha - centre))) - power1 * e00;
    squares += square_part;
    cubes += n * e30 * power1 / T(2);
    fourths += n * e40 * power1 / T(6);
    jacobian += (T(2) * n2 * e20 * e20 * power2 + n3 * e20 * e10 * e10 * power3) / T(6);
    a += n * e22 * power1;
    b += (n * e32 * power1 + n2 * e21 * e11 * power2) / T(2);
    c += (n * e42 * power1 + n2 * (T(2) * e31 * e11 + e20 * e22) * power2 + n3 * e20 * e11 * e11 * power3) / T(6);
    log_sum += log_part;
    const bool tail = scalar::value_of(square_part) < negligible * scalar::value_of(squares) &&
                      std::abs(scalar::value_of(log_part)) < negligible;
    // Of very many keys the rounding of weights that sum to 1 alone passes what is negligible.
    if (alpha < bottom || (alpha < centre && tail)) break;
  }
  const T dt(step);
  const T s2 = dt * squares;
  return {s2,          dt * cubes, dt * jacobian, dt * (a - T(2) * b + c), T(-centre) + dt * log_sum - v * (T(1) - s2),
          dt * fourths};
}

}  // namespace sigprop::formula
