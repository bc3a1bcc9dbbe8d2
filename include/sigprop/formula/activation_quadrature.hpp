// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <boost/math/quadrature/gauss.hpp>
#include <cmath>
#include <vector>

#include "sigprop/formula/activation_function.hpp"
#include "sigprop/formula/domain.hpp"
#include "sigprop/formula/moments.hpp"

namespace sigprop::formula {

/// A quadrature node with its weight.
template <class T>
struct Node {
  T point;
  T weight;
};

/// Nodes for E[f(x)], x ~ N(mean, sd²): ten-point Gauss–Legendre on panels whose borders are the
/// kink at 0, the scales on which activations bend (|x| = 1, 3, 8), multiples of sd around the
/// mean, and multiples of `blur` around 0, on which a function smoothed by a normal of that
/// standard deviation bends. Relative error below 1e-9 for the functions of activation_function.hpp
/// unless they vanish within 5 sd of the mean (ReLU at mean -6 sd: 1e-6). sd = 0 gives the single
/// node `mean`.
template <class T>
[[nodiscard]] std::vector<Node<T>> normal_nodes(const T& mean, const T& sd, double blur = 0) {
  using std::exp;
  using std::sqrt;
  if (!(sd > T(0))) return {{mean, T(1)}};
  constexpr double reach = 8.5;  // the normal's mass beyond is 2e-17
  const double m = scalar::value_of(mean);
  const double s = scalar::value_of(sd);
  std::vector<double> borders;
  for (const double z : {-reach, -5.0, -3.0, -1.5, 0.0, 1.5, 3.0, 5.0, reach}) borders.push_back(z);
  for (const double x : {-8.0, -3.0, -1.0, 0.0, 1.0, 3.0, 8.0}) borders.push_back((x - m) / s);
  for (const double x : {-reach, -3.0, -1.0, 1.0, 3.0, reach}) borders.push_back((x * blur - m) / s);
  std::erase_if(borders, [](double z) { return !(std::abs(z) <= reach); });
  std::sort(borders.begin(), borders.end());
  using Rule = boost::math::quadrature::gauss<double, 10>;
  const double kink = -m / s;
  std::vector<Node<T>> nodes;
  const T norm = T(1) / sqrt(T(2) * scalar::pi<T>());
  for (std::size_t panel = 0; panel + 1 < borders.size(); ++panel) {
    // A border at the kink moves with mean/sd, so it is formed in T: derivatives then see it.
    const auto border = [&](double z) { return z == kink ? T(-mean / sd) : T(z); };
    const T low = border(borders[panel]);
    const T half = (border(borders[panel + 1]) - low) / T(2);
    if (!(half > T(1e-14))) continue;
    for (std::size_t k = 0; k < Rule::abscissa().size(); ++k) {
      for (const double side : {-1.0, 1.0}) {
        const T z = low + half * T(1 + side * Rule::abscissa()[k]);
        nodes.push_back({mean + sd * z, T(Rule::weights()[k]) * half * norm * exp(-z * z / T(2))});
      }
    }
  }
  return nodes;
}

/// E[f(x)], x ~ N(mean, sd²).
template <class T, class F>
[[nodiscard]] T normal_expectation(const T& mean, const T& sd, F&& f) {
  T sum(0);
  for (const Node<T>& node : normal_nodes(mean, sd)) sum += node.weight * f(node.point);
  return sum;
}

/// First and second moments of an activation and of its derivative, one token or a pair.
template <class T>
struct ActivationMoments {
  T mean;                ///< E[φ(x)]
  T second_moment;       ///< E[φ(x)²], for a pair E[φ(x) φ(y)]
  T derivative_product;  ///< E[φ'(x)²], for a pair E[φ'(x) φ'(y)]
};

/// Name     activation
/// Moments of any elementwise activation φ for a normal input of any mean, by quadrature.
///     μ' = E[φ(x)]    σ'² = E[φ(x)²] - μ'²    κ' = E[φ(x) φ(y)] - μ'²
///     γ_in² = γ² E[φ'(x)²]    η_in = η E[φ'(x) φ'(y)]
/// Symbols  x, y: two tokens, jointly normal with mean μ, variance σ², correlation r.
/// Status   exact for normal x, to a relative quadrature error of 1e-9 where φ does not vanish
///          within 5 σ of μ.
/// Assumes  x normal; the gradient independent of x.
/// Domain   σ² ≥ 0, |r| ≤ 1
/// Source   our own.
/// Why      with x = c + e, y = ±c + e' and independent e, e' of variance (1 - |r|)σ², E[φ(x) φ(y)]
///          = E_c[m(c) m(±c)], m(c) = E_e[φ(c + e)].
/// Throws   std::domain_error naming the argument and its value.
template <class T, class Activation>
[[nodiscard]] ActivationMoments<T> activation_single(const Activation& phi, const T& mean, const T& variance) {
  using std::sqrt;
  require_not_negative("variance", variance);
  ActivationMoments<T> out{T(0), T(0), T(0)};
  for (const Node<T>& node : normal_nodes(mean, T(sqrt(variance)))) {
    const T value = phi.value(node.point);
    const T slope = phi.derivative(node.point);
    out.mean += node.weight * value;
    out.second_moment += node.weight * value * value;
    out.derivative_product += node.weight * slope * slope;
  }
  return out;
}

template <class T, class Activation>
[[nodiscard]] ActivationMoments<T> activation_pair(const Activation& phi, const T& mean, const T& variance,
                                                   const T& r) {
  using std::sqrt;
  require_not_negative("variance", variance);
  require_correlation("correlation r", r);
  const bool negative = r < T(0);
  const T common = (negative ? T(-r) : r) * variance;
  // r = ±1 leaves no own part: sqrt(0) would lose a dual number's derivative to 0 · ∞.
  const T own_variance = variance - common;
  const T own_sd = own_variance > T(0) ? T(sqrt(own_variance)) : T(0);
  const T common_sd = common > T(0) ? T(sqrt(common)) : T(0);
  ActivationMoments<T> out{T(0), T(0), T(0)};
  for (const Node<T>& outer : normal_nodes(T(0), common_sd, scalar::value_of(own_sd))) {
    const auto smooth = [&](const T& centre) {
      ActivationMoments<T> inner{T(0), T(0), T(0)};
      for (const Node<T>& node : normal_nodes(centre, own_sd)) {
        inner.mean += node.weight * phi.value(node.point);
        inner.derivative_product += node.weight * phi.derivative(node.point);
      }
      return inner;
    };
    const ActivationMoments<T> here = smooth(mean + outer.point);
    const ActivationMoments<T> there = negative ? smooth(mean - outer.point) : here;
    out.mean += outer.weight * here.mean;
    out.second_moment += outer.weight * here.mean * there.mean;
    out.derivative_product += outer.weight * here.derivative_product * there.derivative_product;
  }
  return out;
}

}  // namespace sigprop::formula
