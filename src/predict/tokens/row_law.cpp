// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/row_law.hpp"

#include <cmath>
#include <numbers>

namespace sigprop::predict {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

/// The mean of every token's pairs, with itself among them.
VectorXd row_means(const TokenGroups& groups, const MatrixXd& pairs) {
  return (groups.different(pairs) * groups.sizes() + groups.beyond_different(pairs)) / groups.tokens();
}

/// Less m_j + m_l for every pair.
void subtract_sums(const VectorXd& m, MatrixXd& pairs) {
  pairs.colwise() -= m;
  pairs.leftCols(m.size()).rowwise() -= m.transpose();
  if (pairs.cols() > m.size()) pairs.col(m.size()) -= m;
}

/// Less the means of rows and of columns.
MatrixXd centred(const TokenGroups& groups, MatrixXd pairs) {
  const VectorXd means = row_means(groups, pairs);
  subtract_sums(means, pairs);
  pairs.array() += groups.mean(means);
  return pairs;
}

/// Calls f with every number of a law and that of another.
template <class F>
void for_each_number(RowLaw& a, const RowLaw& b, const F& f) {
  const auto at_nodes = [&](std::vector<double>& of_a, const std::vector<double>& of_b) {
    for (std::size_t n = 0; n < of_a.size(); ++n) f(of_a[n], of_b[n]);
  };
  at_nodes(a.mixed, b.mixed);
  at_nodes(a.query, b.query);
  at_nodes(a.key, b.key);
  at_nodes(a.shift, b.shift);
  f(a.one.mixed, b.one.mixed);
  f(a.one.query, b.one.query);
  f(a.one.key, b.one.key);
  f(a.one.shift, b.one.shift);
  f(a.one.key_shift, b.one.key_shift);
  f(a.squares, b.squares);
  f(a.entropy, b.entropy);
  f(a.lost_mixed, b.lost_mixed);
  f(a.lost_query, b.lost_query);
  f(a.lost_key, b.lost_key);
}

/// The same with the matrices.
template <class F>
void for_each_pair(RowLaw& a, const RowLaw& b, const F& f) {
  for_each_number(a, b, f);
  for (std::size_t n = 0; n < a.nodes.size(); ++n) {
    f(a.weights[n], b.weights[n]);
    f(a.key_weights[n], b.key_weights[n]);
  }
  f(a.one.weights, b.one.weights);
  f(a.one.key_weights, b.one.key_weights);
  f(a.lost_weights, b.lost_weights);
  f(a.lost_keys, b.lost_keys);
}

}  // namespace

std::vector<double> row_law_nodes() {
  constexpr std::size_t count = 5;
  std::vector<double> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back((1 - std::cos(std::numbers::pi * static_cast<double>(i) / static_cast<double>(count - 1))) / 2);
  return out;
}

std::vector<MatrixXd> RowLaw::bases(const MatrixXd& rho) const {
  std::vector<MatrixXd> out(nodes.size(), MatrixXd::Ones(rho.rows(), rho.cols()));
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const MatrixXd apart = rho.array() - nodes[i];
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      if (i != node) out[node].array() *= apart.array() * (1 / (nodes[node] - nodes[i]));
    }
  }
  return out;
}

MatrixXd RowLaw::over(const std::vector<double>& values, const std::vector<MatrixXd>& bases) {
  MatrixXd out = values.front() * bases.front();
  for (std::size_t i = 1; i < bases.size(); ++i) out += values[i] * bases[i];
  return out;
}

RowLaw small_scores(const TokenGroups& groups, const MatrixXd& keys, double v) {
  const double length = groups.tokens(), pairs = length * length;
  const MatrixXd k = centred(groups, keys);
  const VectorXd own = k.diagonal();
  const double t = groups.mean(own);
  RowLaw out;
  out.nodes = row_law_nodes();
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
  out.lost_keys = MatrixXd::Constant(keys.rows(), keys.cols(), out.lost_mixed / length);
  subtract_sums(lost, out.lost_keys);
  out.lost_keys /= length;
  out.lost_keys.diagonal() += lost;
  return out;
}

RowLaw row_law(const TokenGroups& groups, const MatrixXd& keys, double v, double score_variance, double head_width,
               double laws) {
  constexpr double small = largest_small_score_variance, large = 2 * small;
  if (score_variance <= small) return small_scores(groups, keys, v);
  RowLaw drawn = drawn_rows(groups, keys, v, head_width, laws);
  if (score_variance >= large) return drawn;
  const double part = (large - score_variance) / (large - small), closed = part * part * (3 - 2 * part);
  const RowLaw other = small_scores(groups, keys, v);
  for_each_pair(drawn, other,
                [&](auto& of_drawn, const auto& of_closed) { of_drawn = of_drawn + closed * (of_closed - of_drawn); });
  return drawn;
}

RowLaw mean_numbers(const std::vector<const RowLaw*>& laws) {
  RowLaw out;
  out.nodes = laws.front()->nodes;
  out.mixed.assign(out.nodes.size(), 0);
  out.query = out.key = out.shift = out.mixed;
  const auto count = static_cast<double>(laws.size());
  for (const RowLaw* law : laws) for_each_number(out, *law, [&](double& mean, double one) { mean += one / count; });
  return out;
}

}  // namespace sigprop::predict
