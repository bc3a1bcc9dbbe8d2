// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <numeric>

#include "sigprop/scalar/scalar.hpp"

namespace sigprop::formula {

/// N nodes and weights (sum 1) of the Gauss rule of a probability measure.
template <class T, std::size_t N>
struct GaussRule {
  std::array<T, N> points;
  std::array<T, N> weights;
};

/// Gauss rule from the three-term recursion of the measure's monic orthogonal polynomials, p_{j+1}
/// = (x - a_j) p_j - b_j p_{j-1}. The roots of p_m interlace those of p_{m-1}: bisection in double
/// finds them, Newton in T finishes them, so that derivatives of a_j and b_j are carried. No root
/// lies below `low` or above `high`. A polynomial rises through its last root, and through every
/// second one before that. Error: rounding.
template <class T, std::size_t N>
[[nodiscard]] GaussRule<T, N> gauss_rule(const std::array<T, N>& a, const std::array<T, N>& b, double low,
                                         double high) {
  const auto polynomial = [&](std::size_t degree, auto x, auto& slope) {
    using X = decltype(x);
    X before(0), value(1), slope_before(0);
    slope = X(0);
    for (std::size_t j = 0; j < degree; ++j) {
      const X aj = static_cast<X>(a[j]);
      const X bj = static_cast<X>(b[j]);
      const X next = (x - aj) * value - bj * before;
      const X slope_next = value + (x - aj) * slope - bj * slope_before;
      before = value;
      value = next;
      slope_before = slope;
      slope = slope_next;
    }
    return value;
  };
  std::array<double, N> roots{};
  for (std::size_t degree = 1; degree <= N; ++degree) {
    std::array<double, N> next{};
    for (std::size_t i = 0; i < degree; ++i) {
      double left = i == 0 ? low : roots[i - 1];
      double right = i + 1 == degree ? high : roots[i];
      double slope = 0;
      const bool rising = degree % 2 != i % 2;
      for (int halving = 0; halving < 60; ++halving) {
        const double middle = (left + right) / 2;
        ((polynomial(degree, middle, slope) > 0) == rising ? right : left) = middle;
      }
      next[i] = (left + right) / 2;
    }
    roots = next;
  }
  GaussRule<T, N> rule;
  for (std::size_t i = 0; i < N; ++i) {
    T x(roots[i]);
    for (int step = 0; step < 3; ++step) {  // 1e-16 → 1e-32 → 1e-64
      T slope(0);
      const T value = polynomial(N, x, slope);
      x = x - value / slope;
    }
    rule.points[i] = x;
    T sum(0), norm(1), before(0), value(1);  // Christoffel: 1/w = Σ p_j²/‖p_j‖²
    for (std::size_t j = 0; j < N; ++j) {
      if (j > 0) norm = norm * b[j];
      sum += value * value / norm;
      const T next = (x - a[j]) * value - b[j] * before;
      before = value;
      value = next;
    }
    rule.weights[i] = T(1) / sum;
  }
  return rule;
}

/// Gauss–Hermite rule for the standard normal. Its roots are at most 2 √(N-1) ≤ N in size:
/// Gershgorin, with b_j ≤ N - 1.
template <class T, std::size_t N>
[[nodiscard]] GaussRule<T, N> normal_rule() {
  std::array<T, N> a, b;
  for (std::size_t j = 0; j < N; ++j) {
    a[j] = T(0);
    b[j] = T(static_cast<double>(j));
  }
  const double n = static_cast<double>(N);
  return gauss_rule<T, N>(a, b, -n, n);
}

/// Gauss–Laguerre rule for ξ = χ²_k/k, mean 1, variance 2/k. Its roots are positive, and their sum
/// is that of a_j, so that none is larger.
template <class T, std::size_t N>
[[nodiscard]] GaussRule<T, N> chi_square_rule(const T& degrees) {
  std::array<T, N> a, b;
  const T half = degrees / T(2);
  for (std::size_t j = 0; j < N; ++j) {
    const T index(static_cast<double>(j));
    a[j] = (T(2) * index + half) / half;
    b[j] = index * (index + half - T(1)) / (half * half);
  }
  return gauss_rule<T, N>(a, b, 0.0, scalar::value_of(std::reduce(a.begin(), a.end())));
}

}  // namespace sigprop::formula
