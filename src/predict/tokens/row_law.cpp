// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/row_law.hpp"

#include <cmath>
#include <numbers>

namespace sigprop::predict {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

/// Chebyshev–Lobatto on [0, 1].
std::vector<double> lobatto(std::size_t count) {
  std::vector<double> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back((1 - std::cos(std::numbers::pi * static_cast<double>(i) / static_cast<double>(count - 1))) / 2);
  return out;
}

/// Of every token's pairs, with itself among them, the mean.
VectorXd row_means(const TokenGroups& groups, const MatrixXd& pairs) {
  return (groups.different(pairs) * groups.sizes() + groups.beyond_different(pairs)) / groups.tokens();
}

/// m_j + m_l for every pair.
MatrixXd sums(const VectorXd& m, Index columns) {
  MatrixXd out(m.size(), columns);
  out.leftCols(m.size()) = m.replicate(1, m.size()) + m.transpose().replicate(m.size(), 1);
  if (columns > m.size()) out.col(m.size()) = 2 * m;
  return out;
}

/// Less the means of rows and of columns.
MatrixXd centred(const TokenGroups& groups, const MatrixXd& pairs) {
  const VectorXd means = row_means(groups, pairs);
  return (pairs - sums(means, pairs.cols())).array() + groups.mean(means);
}

}  // namespace

MatrixXd RowLaw::basis(std::size_t node, const MatrixXd& rho) const {
  MatrixXd out = MatrixXd::Ones(rho.rows(), rho.cols());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (i != node) out.array() *= (rho.array() - nodes[i]) / (nodes[node] - nodes[i]);
  }
  return out;
}

MatrixXd RowLaw::over(const std::vector<double>& values, const MatrixXd& rho) const {
  MatrixXd out = MatrixXd::Zero(rho.rows(), rho.cols());
  for (std::size_t i = 0; i < nodes.size(); ++i) out += values[i] * basis(i, rho);
  return out;
}

RowLaw small_scores(const TokenGroups& groups, const MatrixXd& keys, double v) {
  const double length = groups.tokens(), pairs = length * length;
  const MatrixXd k = centred(groups, keys);
  const VectorXd own = k.diagonal();
  const double t = groups.mean(own);
  RowLaw out;
  out.nodes = lobatto(4);
  for (const double rho : out.nodes) {
    const MatrixXd e = (rho * v * k.array()).exp();
    out.weights.emplace_back((centred(groups, e).array() + 1) / pairs);
    const MatrixXd jacobian = centred(groups, k.cwiseProduct(e)) / pairs;
    out.key_weights.emplace_back(rho * jacobian);
    out.mixed.push_back(groups.total(out.weights.back().cwiseProduct(keys)));
    out.query.push_back(groups.total(k.cwiseProduct(jacobian)));
    out.key.push_back(rho * out.query.back());
    out.shift.push_back(t * t);
  }
  out.one = {out.mixed.back(),   out.query.back(),      out.key.back(), t * t, t * t,
             out.weights.back(), out.key_weights.back()};
  const VectorXd sharp = (v * own.array()).exp();
  out.squares = groups.mean(sharp) / length;
  out.entropy = std::log(length) - v * t / 2;
  out.lost_weights = sharp / pairs;
  const VectorXd lost = out.lost_weights.cwiseProduct(keys.diagonal());
  out.lost_mixed = length * groups.mean(lost);
  out.lost_query = out.lost_key = length * groups.mean(VectorXd(lost.cwiseProduct(own)));
  out.lost_keys = (out.lost_mixed / length - sums(lost, keys.cols()).array()) / length;
  out.lost_keys.diagonal() += lost;
  return out;
}

}  // namespace sigprop::predict
