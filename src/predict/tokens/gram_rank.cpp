// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/gram_rank.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <vector>

#include "sigprop/formula/rank_collapse.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

/// The group with which every part begins, and the end.
std::vector<Index> borders(const TokenGroups& groups) {
  constexpr double share = 12;  // of the tokens before it a part is a twelfth: 85 parts of 4096 tokens
  std::vector<Index> out;
  double end = 0;
  for (Index g = 0; g < groups.count(); ++g) {
    const double before = groups.before(g);
    if (groups.are_neighbours() && before < end) continue;
    out.push_back(g);
    end = before + std::max(1.0, std::floor(before / share));
  }
  out.push_back(groups.count());
  return out;
}

/// Sums over the pairs of two groups' tokens.
MatrixXd summed(const TokenGroups& groups, const MatrixXd& dots) {
  const Index count = groups.count();
  const auto size = groups.sizes().asDiagonal();
  MatrixXd out = size * dots.leftCols(count) * size;
  for (Index g = 0; g < count; ++g) {
    const double n = groups.size(g);
    if (n > 1) out(g, g) = n * dots(g, g) + n * (n - 1) * dots(g, count);
  }
  return out;
}

}  // namespace

double effective_rank_of(const TokenGroups& groups, const MatrixXd& dots, double width) {
  const std::vector<Index> border = borders(groups);
  const MatrixXd sums = summed(groups, dots);
  const Index parts = static_cast<Index>(border.size()) - 1;
  MatrixXd means(parts, parts);  // of the parts' normalized sums
  std::vector<formula::Eigenvalues> spectrum;
  const auto begin = [&](Index a) { return border[static_cast<std::size_t>(a)]; };
  const auto groups_of = [&](Index a) { return begin(a + 1) - begin(a); };
  const auto tokens_of = [&](Index a) { return groups.sizes().segment(begin(a), groups_of(a)).sum(); };
  for (Index a = 0; a < parts; ++a) {
    const double size = tokens_of(a);
    for (Index b = 0; b <= a; ++b) {
      const double sum = sums.block(begin(a), begin(b), groups_of(a), groups_of(b)).sum();
      means(a, b) = means(b, a) = sum / std::sqrt(size * tokens_of(b));
    }
    if (size < 2) continue;
    const double trace =
        groups.sizes().segment(begin(a), groups_of(a)).dot(dots.diagonal().segment(begin(a), groups_of(a)));
    spectrum.push_back({(trace - means(a, a)) / (size - 1), size - 1});
  }
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(means, Eigen::EigenvaluesOnly);
  for (const double value : solver.eigenvalues()) spectrum.push_back({value, 1});
  return formula::effective_rank_of_spectrum(std::move(spectrum), width);
}

}  // namespace sigprop::predict
