// SPDX-License-Identifier: Apache-2.0
#include "predict/gram_rank.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <vector>

#include "sigprop/formula/rank_collapse.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

/// Where every group begins, and the end.
std::vector<Index> borders(Index length) {
  constexpr Index part = 12;  // of what lies before it a group is a twelfth: 85 groups of 4096 tokens
  std::vector<Index> out{0};
  while (out.back() < length) out.push_back(std::min(length, out.back() + std::max<Index>(1, out.back() / part)));
  return out;
}

}  // namespace

double effective_rank_of(const MatrixXd& dots, double width) {
  const std::vector<Index> border = borders(dots.rows());
  const Index groups = static_cast<Index>(border.size()) - 1;
  MatrixXd means(groups, groups);  // of the groups' normalized sums
  std::vector<formula::Eigenvalues> spectrum;
  for (Index a = 0; a < groups; ++a) {
    const auto at = [&](Index g) { return border[static_cast<std::size_t>(g)]; };
    const Index first = at(a), size = at(a + 1) - first;
    for (Index b = 0; b <= a; ++b) {
      const Index other = at(b + 1) - at(b);
      const double sum = dots.block(first, at(b), size, other).sum();
      means(a, b) = means(b, a) = sum / std::sqrt(static_cast<double>(size * other));
    }
    if (size == 1) continue;
    const double trace = dots.diagonal().segment(first, size).sum();
    const double others = static_cast<double>(size - 1);
    spectrum.push_back({(trace - means(a, a)) / others, others});
  }
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(means, Eigen::EigenvaluesOnly);
  for (const double value : solver.eigenvalues()) spectrum.push_back({value, 1});
  return formula::effective_rank_of_spectrum(std::move(spectrum), width);
}

}  // namespace sigprop::predict
