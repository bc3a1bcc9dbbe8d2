// SPDX-License-Identifier: Apache-2.0
#include <Eigen/Eigenvalues>
#include <catch2/catch.hpp>
#include <cstdio>
#include <vector>

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

/// Eigenvalues of a token Gram matrix.
std::vector<formula::Eigenvalues> spectrum_of(const Matrix<double>& gram) {
  const Eigen::SelfAdjointEigenSolver<Matrix<double>> solver(gram, Eigen::EigenvaluesOnly);
  std::vector<formula::Eigenvalues> out;
  for (const double value : solver.eigenvalues()) out.push_back({value, 1});
  return out;
}

/// Of tokens behind a causal mask that attend evenly: `own` of each token itself, the rest the mean
/// of its prefix.
Matrix<double> causal_gram(Eigen::Index length, double own) {
  return Matrix<double>::NullaryExpr(length, length, [own](Eigen::Index i, Eigen::Index j) {
    const double mean = 1 / static_cast<double>(std::max(i, j) + 1);
    return (i == j ? own : 0.0) + (1 - own) * mean;
  });
}

TEST_CASE("effective rank of unlike tokens against simulated tokens") {
  struct Shape {
    int length, width;
    double stated;
  };
  for (const auto& [length, width, stated] : {Shape{48, 96, 0.07}, {64, 32, 0.12}, {32, 512, 0.01}}) {
    for (const double own : {0.0, 0.1, 0.5, 0.9}) {
      INFO(length << " tokens of width " << width << ", own share " << own);
      const Matrix<double> gram = causal_gram(length, own);
      const Matrix<double> root = gram.llt().matrixL();
      Random random(252);
      Replicates rank;
      for (int replicate = 0; replicate < 300; ++replicate)
        rank.add(measured_rank(root * gaussian<double>(random, length, width, 1)));
      const auto predicted = formula::effective_rank_of_spectrum(spectrum_of(gram), width);
      std::printf("%d tokens of width %d, own share %.1f: effective rank predicted/measured %.3f\n", length, width, own,
                  predicted / rank.mean());
      expect("effective rank", predicted, rank, stated);
      if (own > 0.4)
        reject("eigenvalues not spread", formula::effective_rank_of_spectrum(spectrum_of(gram), 1e12), rank, stated);
    }
  }
}

}  // namespace
}  // namespace sigprop::test
