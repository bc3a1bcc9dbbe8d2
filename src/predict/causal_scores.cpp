// SPDX-License-Identifier: Apache-2.0
#include "predict/causal_attention.hpp"

namespace sigprop::predict {
namespace {

using Index = Eigen::Index;

void set_prefixes(CausalScores& out) {
  const Index length = out.x.rows();
  out.own.resize(length);
  out.prefix.resize(length);
  out.spread.resize(length);
  double diagonal = 0, all = 0;
  for (Index i = 0; i < length; ++i) {
    diagonal += out.x(i, i);
    all += out.x(i, i) + 2 * out.x.col(i).head(i).sum();
    const double keys = static_cast<double>(i + 1);
    out.own[i] = diagonal / keys;
    out.prefix[i] = all;
    const double spread = i == 0 ? 0 : (diagonal - all / keys) / (keys - 1);
    out.spread[i] = std::max(0.0, spread);
  }
}

void set_rows(CausalScores& out, RowTable& rows) {
  const Index length = out.x.rows();
  out.variance = out.query.diagonal().cwiseProduct(out.spread) * out.key_gain();
  out.squares = Eigen::VectorXd::Ones(length);
  out.entropy = Eigen::VectorXd::Zero(length);
  out.pair.overlap(0, 0) = 1;
  for (Index i = 1; i < length; ++i) {
    const formula::RowMeans<double> row = rows.row(static_cast<double>(i + 1), out.variance[i]);
    out.squares[i] = row.squares;
    out.entropy[i] = row.entropy;
    out.pair.overlap(i, i) = row.squares;
    out.pair.query_jacobian(i, i) = row.query_jacobian;
    out.pair.key_jacobian(i, i) = row.key_jacobian;
  }
}

}  // namespace

CausalScores causal_scores(const Eigen::MatrixXd& x, const Shape& shape, CausalTables& tables) {
  CausalScores out;
  out.x = x;
  out.shape = shape;
  out.query = (shape.width * shape.query_weight * x).array() + shape.bias_variance;
  set_prefixes(out);
  const Eigen::VectorXd root = out.query.diagonal().cwiseSqrt();
  const Eigen::VectorXd inverse = root.unaryExpr([](double r) { return r > 0 ? 1 / r : 0.0; });
  // Scores of a pair have the variance of the shorter row, were both queries of the same norm.
  const Eigen::VectorXd variance = out.query.diagonal().cwiseProduct(out.spread) * out.key_gain();
  const Eigen::MatrixXd correlation =
      (inverse.asDiagonal() * out.query * inverse.asDiagonal()).cwiseMax(-1.0).cwiseMin(1.0);
  out.pair = tables.pairs(variance, correlation);
  set_rows(out, tables.rows);
  return out;
}

}  // namespace sigprop::predict
