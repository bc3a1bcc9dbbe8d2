// SPDX-License-Identifier: Apache-2.0
#include "experiment/statistics.hpp"

#include <catch2/catch.hpp>

#include "simulate/matrix.hpp"

using sigprop::experiment::Statistics;
using sigprop::simulate::Matrix;

namespace {

/// Two replicates of three tokens and two features.
std::vector<Matrix<float>> replicates() {
  Matrix<float> first(3, 2), second(3, 2);
  first << 11, 14, 12, 10, 17, 13;
  second << 9, 16, 15, 8, 10, 12;
  return {first, second};
}

/// Unbiased covariance of the rows of x, averaged over their pairs, from the definition.
double mean_covariance(const Eigen::MatrixXd& x) {
  const Eigen::MatrixXd centred = x.colwise() - x.rowwise().mean();
  const Eigen::MatrixXd c = centred * centred.transpose() / static_cast<double>(x.cols() - 1);
  return (c.sum() - c.trace()) / static_cast<double>(x.rows() * (x.rows() - 1));
}

}  // namespace

TEST_CASE("Sums of several replicates count as the replicates themselves") {
  Statistics one_by_one(3, 2, true), together(3, 2, true);
  std::vector<double> tokens, features;
  double squares = 0;
  for (const Matrix<float>& x : replicates()) {
    one_by_one.add(x.data(), 2);
    for (Eigen::Index i = 0; i < 3; ++i) tokens.push_back(x.cast<double>().row(i).sum());
    for (Eigen::Index j = 0; j < 2; ++j) features.push_back(x.cast<double>().col(j).sum());
    squares += x.cast<double>().squaredNorm();
  }
  together.add(tokens, features, squares);
  CHECK(together.mean() == Approx(one_by_one.mean()).epsilon(1e-14));
  CHECK(together.variance() == Approx(one_by_one.variance()).epsilon(1e-14));
  CHECK(together.covariance() == Approx(one_by_one.covariance()).epsilon(1e-14));
  CHECK(together.feature_covariance() == Approx(one_by_one.feature_covariance()).epsilon(1e-14));
}

TEST_CASE("Moments are those of the definitions, over all replicates together") {
  Statistics statistics(3, 2, true);
  Eigen::MatrixXd tokens(3, 4), features(2, 6);
  Eigen::Index at = 0;
  for (const Matrix<float>& x : replicates()) {
    statistics.add(x.data(), static_cast<std::size_t>(x.cols()));
    tokens.middleCols(2 * at, 2) = x.cast<double>();
    features.middleCols(3 * at, 3) = x.cast<double>().transpose();
    ++at;
  }
  CHECK(statistics.mean() == Approx(tokens.mean()).epsilon(1e-12));
  CHECK(statistics.variance() == Approx((tokens.array() - tokens.mean()).square().mean()).epsilon(1e-12));
  CHECK(statistics.covariance() == Approx(mean_covariance(tokens)).epsilon(1e-12));
  CHECK(statistics.feature_covariance() == Approx(mean_covariance(features)).epsilon(1e-12));
}

TEST_CASE("Replicates of one feature may come as columns of a block") {
  Statistics block(3, 1), single(3, 1);
  for (const Matrix<float>& x : replicates()) {
    block.add(x.data(), 2);
    for (Eigen::Index j = 0; j < x.cols(); ++j) single.add(Matrix<float>(x.col(j)).data(), 1);
  }
  CHECK(block.variance() == Approx(single.variance()).epsilon(1e-12));
  CHECK(block.covariance() == Approx(single.covariance()).epsilon(1e-12));
}
