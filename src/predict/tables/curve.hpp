// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <vector>

/// For matrices over pairs of tokens whose entries depend on the tokens' correlation alone.
namespace sigprop::predict {

/// A function of a correlation r in [0, 1], read between 512 of its values by cubics in √(1-r), in
/// which pair moments of activations are smooth up to r = 1: relative error below 1e-9 for them.
class Curve {
 public:
  template <class F>
  explicit Curve(const F& f) : values_(intervals + 1) {
    for (std::size_t k = 0; k <= intervals; ++k) {
      const double s = static_cast<double>(k) / intervals;
      values_[k] = f(1 - s * s);
    }
  }

  [[nodiscard]] double operator()(double r) const {
    const double x = std::sqrt(1 - r) * intervals;
    const std::size_t first = std::min(static_cast<std::size_t>(std::max(x - 1, 0.0)), intervals - 3);
    const double t = x - static_cast<double>(first);
    const double* v = &values_[first];
    const double a = t - 1, b = t - 2, c = t - 3;
    return (t * a * (b * v[3] - 3 * c * v[2]) + b * c * (3 * t * v[1] - a * v[0])) / 6;
  }

 private:
  static constexpr std::size_t intervals = 512;
  std::vector<double> values_;
};

/// Up to rounding.
[[nodiscard]] inline bool nearly_constant(const Eigen::VectorXd& x) {
  constexpr double rounding = 1e-12;
  return x.maxCoeff() - x.minCoeff() <= rounding * std::abs(x.maxCoeff());
}

}  // namespace sigprop::predict
