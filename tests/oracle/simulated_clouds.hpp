// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "oracle/sample.hpp"

/// Tokens that fill some directions of space more than others, and how many they fill behind random
/// maps.
namespace sigprop::test {

/// A part common to all tokens, and one of each token whose features' variances fall off
/// geometrically.
struct Cloud {
  Eigen::Index width;
  double common;    ///< variance
  double own;       ///< variance, on average over features
  double fall_off;  ///< of one feature's variance to the next one's

  [[nodiscard]] Eigen::RowVectorXd variances() const {
    Eigen::RowVectorXd v(width);
    for (Eigen::Index i = 0; i < width; ++i) v[i] = std::pow(fall_off, static_cast<double>(i));
    return v * (own / v.mean());
  }
  /// Of its own part.
  [[nodiscard]] double participation() const { return variances().squaredNorm() / std::pow(variances().sum(), 2); }
};

[[nodiscard]] inline Matrix<double> draw_tokens(Random& random, Eigen::Index tokens, const Cloud& cloud) {
  const Matrix<double> common = gaussian<double>(random, 1, cloud.width, std::sqrt(cloud.common));
  Matrix<double> x = gaussian<double>(random, tokens, cloud.width, 1);
  x.array().rowwise() *= cloud.variances().cwiseSqrt().array();
  x.rowwise() += common.row(0);
  return x;
}

/// ‖Σ‖²/(Tr Σ)² of tokens that are independent given what they have in common. Differences of two
/// tokens have the covariance 2Σ; products of two such differences do not hold the noise that a
/// sample covariance has.
[[nodiscard]] inline double participation_of(const Matrix<double>& tokens) {
  const Eigen::Index pairs = tokens.rows() / 2;
  const Matrix<double> apart = tokens.topRows(pairs) - tokens.bottomRows(pairs);
  const Matrix<double> products = apart * apart.transpose();
  const double others = products.squaredNorm() - products.diagonal().squaredNorm();
  return others / static_cast<double>(pairs * (pairs - 1)) / std::pow(products.diagonal().mean(), 2);
}

/// x W with W of variance 1/fan-in, so that moments pass unchanged.
[[nodiscard]] inline Matrix<double> mapped(Random& random, const Matrix<double>& x, Eigen::Index fan_out) {
  return x * gaussian<double>(random, x.cols(), fan_out, 1 / std::sqrt(static_cast<double>(x.cols())));
}

}  // namespace sigprop::test
