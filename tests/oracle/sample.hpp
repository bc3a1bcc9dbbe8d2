// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "support/random.hpp"

/// Random tensors and their measured moments. No formula of the library is included by any
/// simulated_*.hpp.
namespace sigprop::test {

/// One sequence: tokens in rows, features in columns.
template <class Real>
using Matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;

template <class Real>
[[nodiscard]] Matrix<Real> gaussian(Random& random, Eigen::Index rows, Eigen::Index columns, double deviation) {
  return Matrix<Real>::NullaryExpr(rows, columns, [&] { return static_cast<Real>(deviation * random.normal()); });
}

/// What a normal signal is drawn with: mean, variance, and the correlation of two tokens within and
/// across sequences.
struct Normal {
  double mean = 0;
  double variance = 1;
  double correlation = 0;
  double cross_correlation = 0;
};

/// B sequences: a part common to the batch, one common to each sequence, and one of each token.
template <class Real>
[[nodiscard]] std::vector<Matrix<Real>> normal_batch(Random& random, Eigen::Index batch, Eigen::Index length,
                                                     Eigen::Index width, const Normal& law) {
  const auto part = [&](Eigen::Index rows, double share) {
    return gaussian<Real>(random, rows, width, std::sqrt(law.variance * share));
  };
  const Matrix<Real> everywhere = part(1, law.cross_correlation);
  std::vector<Matrix<Real>> sequences;
  for (Eigen::Index b = 0; b < batch; ++b) {
    Matrix<Real> x = part(length, 1 - law.correlation);
    const Matrix<Real> common = part(1, law.correlation - law.cross_correlation) + everywhere;
    x.rowwise() += common.row(0);
    x.array() += static_cast<Real>(law.mean);
    sequences.push_back(std::move(x));
  }
  return sequences;
}

template <class Real>
[[nodiscard]] Matrix<Real> normal_sequence(Random& random, Eigen::Index length, Eigen::Index width, const Normal& law) {
  return normal_batch<Real>(random, 1, length, width, law).front();
}

/// 1/(1 - p) where an element is kept, 0 where it is dropped.
template <class Real>
[[nodiscard]] Matrix<Real> dropout_mask(Random& random, Eigen::Index rows, Eigen::Index columns, double p) {
  const Real kept = static_cast<Real>(1 / (1 - p));
  return Matrix<Real>::NullaryExpr(rows, columns, [&] { return random.happens(p) ? Real(0) : kept; });
}

/// Mean of x² over all elements of one replicate.
template <class Derived>
[[nodiscard]] double second_moment(const Eigen::MatrixBase<Derived>& x) {
  return static_cast<double>(x.squaredNorm()) / static_cast<double>(x.size());
}

/// Mean over tokens i ≠ j of x_i·x_j / width: (|Σ x|² - Σ |x|²)/(L (L - 1) width).
template <class Derived>
[[nodiscard]] double token_product(const Eigen::MatrixBase<Derived>& x) {
  const double all = static_cast<double>(x.colwise().sum().squaredNorm());
  const double pairs = static_cast<double>(x.rows()) * static_cast<double>(x.rows() - 1);
  return (all - static_cast<double>(x.squaredNorm())) / (pairs * static_cast<double>(x.cols()));
}

/// Mean over all pairs of tokens of two sequences of x_i·y_j / width.
template <class Real>
[[nodiscard]] double cross_product(const Matrix<Real>& x, const Matrix<Real>& y) {
  return static_cast<double>(x.colwise().mean().dot(y.colwise().mean())) / static_cast<double>(x.cols());
}

}  // namespace sigprop::test
