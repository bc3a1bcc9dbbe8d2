// SPDX-License-Identifier: Apache-2.0
#include <Eigen/Eigenvalues>
#include <catch2/catch.hpp>

#include "oracle/expect.hpp"
#include "oracle/sample.hpp"
#include "sigprop/formula/rank_collapse.hpp"

namespace sigprop::test {
namespace {

/// exp(entropy of the eigenvalues of the token Gram matrix).
double measured_rank(const Matrix<double>& x) {
  const Eigen::SelfAdjointEigenSolver<Matrix<double>> solver(x * x.transpose(), Eigen::EigenvaluesOnly);
  const Eigen::ArrayXd p = solver.eigenvalues().array().max(1e-300) / solver.eigenvalues().sum();
  return std::exp(-(p * p.log()).sum());
}

TEST_CASE("rank residual and effective rank against simulated tokens") {
  for (const double r : {0.0, 0.3}) {
    INFO("r " << r);
    Random random(251);
    constexpr double L = 48, D = 96, q = 2;
    Replicates from_mean, rank;
    for (int replicate = 0; replicate < 600; ++replicate) {
      const auto x = normal_sequence<double>(random, 48, 96, {.variance = q, .correlation = r});
      from_mean.add((x.rowwise() - x.colwise().mean()).squaredNorm() / (L * D * q));
      rank.add(measured_rank(x));
    }
    const double residual = formula::rank_residual(q, r * q, L);
    expect("squared rank residual", residual * residual, from_mean);
    constexpr double finite = 0.03;  // asymptotic in L and D
    expect("effective rank", formula::effective_rank(q, r * q, L, D), rank, finite);
    reject("eigenvalues not spread", formula::effective_rank(q, r * q, L, 1e12), rank, finite);
    reject("residual without 1 - 1/L", 1 - r, from_mean);
  }
}

}  // namespace
}  // namespace sigprop::test
