// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "sigprop/formula/domain.hpp"
#include "sigprop/formula/gauss_rule.hpp"
#include "sigprop/formula/softmax_row.hpp"

namespace sigprop::formula {

/// Functionals of two softmax rows A (i keys) and A' (j ≥ i keys, the first i shared), scores of
/// variance v and correlation ρ.
template <class T>
struct SoftmaxPair {
  T overlap;   ///< P = E[Σ A A']
  T jacobian;  ///< T12 = E[Σ_jk J_jk J'_jk] over shared keys, J = diag A - A Aᵀ
};

namespace softmax_pair_detail {

/// E_e[(t e^e)^a e^{-t e^e}], e ~ N(0, sd²), t = e^argument, for a = 0, 1.
template <class T>
struct Kernel {
  std::vector<T> exponential;
  std::vector<double> weight;

  Kernel(const T& sd, double sd_value, double step, double reach) {
    using std::exp;
    for (const NormalPoint& point : trapezoid_normal(sd_value, step, reach)) {
      exponential.push_back(exp(sd * T(point.z)));
      weight.push_back(point.weight);
    }
  }

  [[nodiscard]] std::array<T, 2> operator()(const T& argument) const {
    using std::exp;
    const T t = exp(argument);
    std::array<T, 2> out{T(0), T(0)};
    for (std::size_t k = 0; k < weight.size(); ++k) {
      const T y = t * exponential[k];
      if (scalar::value_of(y) > largest_exponent) break;
      const T value = T(weight[k]) * exp(-y);
      out[0] += value;
      out[1] += value * y;
    }
    return out;
  }
};

/// The α-grid of a row of n keys: from where n E[t eˣ e^{-t eˣ}] is negligible to where E[e^{-t
/// eˣ}]^{n-1} is.
struct Range {
  double low;
  double high;
};

[[nodiscard]] inline Range laplace_range(double v, double keys, double step, double reach) {
  const double sd = std::sqrt(v);
  const Kernel<double> kernel(sd, sd, step, reach);
  constexpr double negligible_start = 1e-6;
  constexpr double negligible_power = -25;
  const double centre = laplace_centre(v, keys);
  Range range{centre, centre};
  while (keys * kernel(range.low)[1] > negligible_start) range.low -= 1;
  const double top = 4 + reach * sd;
  while (range.high < top && (keys - 1) * std::log(kernel(range.high)[0]) > negligible_power) range.high += 1;
  return range;
}

/// The common part c ~ N(0, sd²) of two scores: nodes and weights, and the kernels of the rows at
/// α_m + c_k, one table a power, node-major so that sums over nodes run along contiguous α.
template <class T>
struct Common {
  std::vector<T> weight;
  std::vector<double> shift;  ///< nodes on a multiple of the α-step, or the nodes in units of sd where sd is small
  bool aligned = false;
  int subdivision = 1;
};

template <class T>
[[nodiscard]] Common<T> common_nodes(const T& sd, double sd_value, double step, double reach) {
  using std::exp;
  using std::sqrt;
  Common<T> out;
  constexpr double small = 0.3;  // five Hermite nodes are exact to 1e-6 there
  if (sd_value <= small) {
    const auto rule = normal_rule<double, 5>();
    for (std::size_t k = 0; k < 5; ++k) {
      out.shift.push_back(rule.points[k]);
      out.weight.push_back(T(rule.weights[k]));
    }
    return out;
  }
  out.aligned = true;
  out.subdivision = static_cast<int>(std::ceil(step / sd_value));
  const double dc = step / out.subdivision;
  const int count = static_cast<int>(std::ceil(reach * sd_value / dc));
  for (int k = -count; k <= count; ++k) {
    const T z = T(k * dc) / sd;
    out.shift.push_back(k);
    out.weight.push_back(T(dc) * exp(-z * z / T(2)) / (sd * sqrt(T(2) * scalar::pi<T>())));
  }
  return out;
}

/// tables[a][k * points + m] = kernel_a(low + m step + sign c_k).
template <class T>
using Tables = std::array<std::vector<T>, 2>;

template <class T>
[[nodiscard]] Tables<T> kernel_tables(const Kernel<T>& kernel, const Common<T>& common, const T& sd, double low,
                                      int points, double step, int sign) {
  Tables<T> tables;
  const std::size_t nodes = common.weight.size();
  for (auto& table : tables) table.resize(nodes * static_cast<std::size_t>(points));
  const auto store = [&](std::size_t k, int m, const std::array<T, 2>& value) {
    for (std::size_t a = 0; a < 2; ++a) {
      tables[a][k * static_cast<std::size_t>(points) + static_cast<std::size_t>(m)] = value[a];
    }
  };
  if (!common.aligned) {
    for (std::size_t k = 0; k < nodes; ++k) {
      const T c = T(sign) * sd * T(common.shift[k]);
      for (int m = 0; m < points; ++m) store(k, m, kernel(T(low + m * step) + c));
    }
    return tables;
  }
  const int s = common.subdivision;
  const int reach = static_cast<int>(nodes / 2);
  std::vector<std::array<T, 2>> line;  // every argument that occurs, once
  for (int q = -reach; q <= (points - 1) * s + reach; ++q) line.push_back(kernel(T(low + q * step / s)));
  for (std::size_t k = 0; k < nodes; ++k) {
    const int shift = sign * (static_cast<int>(k) - reach);
    for (int m = 0; m < points; ++m) {
      const int at = m * s + shift + reach;
      store(k, m, line[static_cast<std::size_t>(at)]);
    }
  }
  return tables;
}

/// Does a kernel's value weigh anything beside its largest ones?
template <class T>
[[nodiscard]] bool counts(const T& value) {
  constexpr double negligible = 1e-12;
  return scalar::value_of(value) > negligible;
}

/// Neighbouring points of a grid.
struct Span {
  std::size_t begin = 0, end = 0;
};

/// Of every node of the common part the points where the kernel counts.
template <class T>
[[nodiscard]] std::vector<Span> spans(const std::vector<T>& table, std::size_t nodes, std::size_t points) {
  std::vector<Span> out(nodes);
  for (std::size_t k = 0; k < nodes; ++k) {
    const auto row = table.begin() + static_cast<std::ptrdiff_t>(k * points);
    const auto is_seen = [](const T& value) { return counts(value); };
    const auto first = std::find_if(row, row + static_cast<std::ptrdiff_t>(points), is_seen);
    auto last = row + static_cast<std::ptrdiff_t>(points);
    while (last != first && !counts(*(last - 1))) --last;
    out[k] = {static_cast<std::size_t>(first - row), static_cast<std::size_t>(last - row)};
  }
  return out;
}

/// The second row's points at which F_11 counts, where the first row is at its m-th: a node must be
/// seen from both.
template <class T>
[[nodiscard]] Span columns_of(const std::vector<T>& left, const std::vector<Span>& seen, std::size_t m,
                              std::size_t height) {
  Span out;
  for (std::size_t k = 0; k < seen.size(); ++k) {
    if (seen[k].begin == seen[k].end || !counts(left[k * height + m])) continue;
    out = out.begin == out.end ? seen[k] : Span{std::min(out.begin, seen[k].begin), std::max(out.end, seen[k].end)};
  }
  return out;
}

}  // namespace softmax_pair_detail

/// Name     softmax_pair
/// Exact functionals of two softmax rows whose scores correlate, over i shared of j ≥ i keys.
///     P = E[Σ A A'] = i ∬ F_11 F_00^{i-1} f^{j-i} dt du
///     T12 = P - E[Σ A² A'] - E[Σ A A'²] + E[(Σ A A')²]
///         = i(i-1) ∬ t u F_11 [ 2 F_11 F_00^{i-2} f^{j-i} + (i-2) F_10 F_01 F_00^{i-3} f^{j-i} + (j-i) F_10 f_1 F_00^{i-2} f^{j-i-1} ] dt du
/// Symbols  scores (x, y) of one key: variance v, correlation ρ.  F_ab(t, u) = E[e^{ax + by} e^{-t
///          eˣ - u e^y}], f(u) = E[e^{-u e^y}], f_1(u) = E[e^y e^{-u e^y}].
/// Status   exact for normal scores independent over keys; quadrature error below 1e-4 from v = 0
///          to 1000.
/// Assumes  scores normal, keys independent.
/// Domain   v ≥ 0, |ρ| ≤ 1, 1 ≤ i ≤ j
/// Source   our own.
/// Why      as softmax_row, once for each denominator. x = c + e, y = ±c + e' with a common part of
///          variance |ρ|v splits F_ab into Σ_c of a product of two one-dimensional kernels. The
///          second form of T12 writes 1 - A as the sum of the other weights: all its terms are
///          positive, so that nothing cancels at sharp scores.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] SoftmaxPair<T> softmax_pair(const T& v, const T& rho, const T& shared, const T& keys,
                                          double refinement = 1) {
  using std::exp;
  using std::log;
  using std::sqrt;
  namespace detail = softmax_pair_detail;
  require_not_negative("score variance v", v);
  require_correlation("score correlation", rho);
  require_at_least_one("number of shared keys", shared);
  if (!(keys >= shared)) throw_domain("number of keys", scalar::value_of(keys), "at least the number of shared keys");
  if (scalar::value_of(shared) <= 1) return {T(1) / keys, T(0)};

  const double fine = 0.6 / refinement;  // trapezoid error 2 |Γ(2 + 2πi/0.6)| = 1e-5
  constexpr double reach = 6;            // normal mass beyond: 2e-9
  const double v_value = scalar::value_of(v);
  const bool negative = rho < T(0);
  const T common_variance = (negative ? T(-rho) : rho) * v;
  const T own_variance = v - common_variance;
  const auto root = [](const T& x) { return x > T(0) ? T(sqrt(x)) : T(0); };
  const T common_sd = root(common_variance);
  const T own_sd = root(own_variance);

  const double step = smooth_step(fine, scalar::value_of(own_sd) / refinement, scalar::value_of(keys));
  const detail::Range first = detail::laplace_range(v_value, scalar::value_of(shared), fine, reach);
  const detail::Range second = detail::laplace_range(v_value, scalar::value_of(keys), fine, reach);
  const int rows = static_cast<int>(std::ceil((first.high - first.low) / step)) + 1;
  const int columns = static_cast<int>(std::ceil((second.high - second.low) / step)) + 1;
  const detail::Kernel<T> kernel(own_sd, scalar::value_of(own_sd), fine, reach);
  const auto common = detail::common_nodes(common_sd, scalar::value_of(common_sd), step, reach);
  const auto left = detail::kernel_tables(kernel, common, common_sd, first.low, rows, step, 1);
  const auto right = detail::kernel_tables(kernel, common, common_sd, second.low, columns, step, negative ? -1 : 1);

  const std::size_t width = static_cast<std::size_t>(columns);
  const std::size_t height = static_cast<std::size_t>(rows);
  const T unshared = keys - shared;
  std::vector<T> log_f(width, T(0)), f1_over_f(width, T(0));
  if (scalar::value_of(unshared) > 0) {
    for (std::size_t m = 0; m < width; ++m) {
      T f(0), f1(0);
      for (std::size_t k = 0; k < common.weight.size(); ++k) {
        f += common.weight[k] * right[0][k * width + m];
        f1 += common.weight[k] * right[1][k * width + m];
      }
      log_f[m] = log(f);
      f1_over_f[m] = f1 / f;
    }
  }
  const T& i = shared;
  T overlap(0), jacobian(0);
  std::vector<T> f00(width), f11(width), f10(width), f01(width);
  const std::vector<detail::Span> seen = detail::spans(right[1], common.weight.size(), width);
  for (std::size_t m = 0; m < height; ++m) {
    const detail::Span columns_seen = detail::columns_of(left[1], seen, m, height);
    for (auto* f : {&f00, &f11, &f10, &f01}) std::fill(f->begin(), f->end(), T(0));
    for (std::size_t k = 0; k < common.weight.size(); ++k) {
      const T a0 = common.weight[k] * left[0][k * height + m];
      const T a1 = common.weight[k] * left[1][k * height + m];
      const T* b0 = &right[0][k * width];
      const T* b1 = &right[1][k * width];
      if (detail::counts(left[0][k * height + m])) {
        for (std::size_t n = columns_seen.begin; n < columns_seen.end; ++n) {
          f00[n] += a0 * b0[n];
          f01[n] += a0 * b1[n];
        }
      }
      if (detail::counts(left[1][k * height + m])) {
        for (std::size_t n = columns_seen.begin; n < columns_seen.end; ++n) {
          f11[n] += a1 * b1[n];
          f10[n] += a1 * b0[n];
        }
      }
    }
    for (std::size_t n = columns_seen.begin; n < columns_seen.end; ++n) {
      if (!(f00[n] > T(0))) continue;  // underflowed, and with it every term
      const T power2 = exp((i - T(2)) * log(f00[n]) + unshared * log_f[n]);
      const T others = T(2) * f11[n] + (i - T(2)) * f10[n] * f01[n] / f00[n] + unshared * f10[n] * f1_over_f[n];
      overlap += i * f11[n] * power2 * f00[n];
      jacobian += i * (i - T(1)) * f11[n] * others * power2;
    }
  }
  const T area(step * step);
  return {area * overlap, area * jacobian};
}

}  // namespace sigprop::formula
