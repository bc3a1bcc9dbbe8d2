// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Dense>
#include <cmath>

#include "oracle/sample.hpp"

/// Single softmax rows, pairs of rows and their Jacobians, from scores that are given or formed
/// from queries and keys.
namespace sigprop::test {

using Vector = Eigen::VectorXd;

[[nodiscard]] inline Vector softmax(const Vector& scores) {
  const Vector y = (scores.array() - scores.maxCoeff()).exp().matrix();
  return y / y.sum();
}

/// diag(A) - A Aᵀ
[[nodiscard]] inline Eigen::MatrixXd softmax_jacobian(const Vector& a) {
  Eigen::MatrixXd jacobian = -a * a.transpose();
  jacobian.diagonal() += a;
  return jacobian;
}

[[nodiscard]] inline double entropy(const Vector& a) {
  return -a.unaryExpr([](double p) { return p > 0 ? p * std::log(p) : 0.0; }).sum();
}

[[nodiscard]] inline Vector normal_vector(Random& random, Eigen::Index size, double deviation) {
  return gaussian<double>(random, size, 1, deviation);
}

/// Scores of two rows over `keys` keys, of variance v and correlation ρ.
struct ScorePair {
  Vector first, second;
};

[[nodiscard]] inline ScorePair correlated_scores(Random& random, Eigen::Index keys, double v, double rho) {
  const Vector x = normal_vector(random, keys, std::sqrt(v)), z = normal_vector(random, keys, std::sqrt(v));
  return {x, rho * x + std::sqrt(1 - rho * rho) * z};
}

/// Two queries of correlation ρ and keys such that a score q·k/√width has variance v.
struct QueriesAndKeys {
  Vector first, second;
  Eigen::MatrixXd keys;
};

[[nodiscard]] inline QueriesAndKeys draw_queries_and_keys(Random& random, Eigen::Index keys, Eigen::Index width,
                                                          double v, double rho) {
  const ScorePair queries = correlated_scores(random, width, 1, rho);
  return {queries.first, queries.second, gaussian<double>(random, keys, width, std::sqrt(v))};
}

}  // namespace sigprop::test
