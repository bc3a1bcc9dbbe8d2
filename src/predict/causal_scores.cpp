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

/// Of the keys as their rows see them, turned.
void set_key_spread(CausalScores& out) {
  out.key_spread = out.spread;
  if (!out.rotary) return;
  double turned = 0;  // Σ X_jj' κ(j-j') over j ≠ j' ≤ i
  for (Index i = 1; i < out.x.rows(); ++i) {
    for (Index j = 0; j < i; ++j) turned += 2 * out.x(j, i) * out.rotary->at(i - j);
    const double keys = static_cast<double>(i + 1);
    out.key_spread[i] = std::max(0.0, out.own[i] - turned / (keys * (keys - 1)));
  }
}

/// Queries and keys of every head at unit variance.
void normalize(CausalScores& out) {
  if (!out.shape.normalized) return;
  const double query = out.query(0, 0), key = out.shape.width * out.shape.key_weight * out.x(0, 0) + out.shape.bias_variance;
  constexpr double rounding = 1e-9;
  if ((out.x.diagonal().array() - out.x(0, 0)).abs().maxCoeff() > rounding * out.x(0, 0)) {
    throw NotCovered(
        "behind a causal mask, a norm on queries and keys of tokens of different second moments, as without a norm before "
        "the attention, is not covered by this theory yet");
  }
  formula::require_positive("query second moment before its norm", query);
  formula::require_positive("key second moment before its norm", key);
  out.query_scale = 1 / query;
  out.key_scale = 1 / key;
  out.query *= out.query_scale;
}

/// Correlation of the scores of rows i ≤ m, were both queries of the same norm.
Eigen::MatrixXd correlations(const CausalScores& scores) {
  const Eigen::VectorXd root = scores.query.diagonal().cwiseSqrt();
  const Eigen::VectorXd inverse = root.unaryExpr([](double r) { return r > 0 ? 1 / r : 0.0; });
  Eigen::MatrixXd out = inverse.asDiagonal() * scores.query * inverse.asDiagonal();
  if (scores.rotary) {
    SharedKeys keys(scores);
    for (Index i = 0; i < out.cols(); ++i, keys.next_row()) {
      const double own = scores.key_spread[i];
      for (Index m = i + 1; m < out.rows(); ++m) out(m, i) *= own > 0 ? keys.spread(m - i) / own : 0;
    }
  }
  return out.cwiseMax(-1.0).cwiseMin(1.0);
}

void set_rows(CausalScores& out, RowTable& rows) {
  const Index length = out.x.rows();
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

void CausalAttention::set_score_paths_across(const Eigen::MatrixXd& common, const Eigen::MatrixXd& x,
                                             CrossGradient& out) const {
  const Shape& shape = scores_.shape;
  out.query = scores_.query_gain() * common;
  const Eigen::MatrixXd query =
      scores_.query_scale * ((shape.width * shape.query_weight * x).array() + shape.bias_variance);
  out.key_weight = shape.score_gain * scores_.key_scale * common.cwiseProduct(query).sum();
}

SharedKeys::SharedKeys(const CausalScores& scores) : scores_(scores) {
  if (scores.rotary) prefix_.emplace(*scores.rotary);
}

void SharedKeys::next_row() {
  ++row_;
  if (prefix_ && row_ < scores_.rotary->length()) prefix_->grow();
}

double SharedKeys::spread(Index apart) const {
  if (!prefix_ || apart == 0) return scores_.key_spread[row_];
  const double own = scores_.own[row_];
  return scores_.rotary->at(apart) * own - prefix_->mean(apart) * (own - scores_.spread[row_]);
}

CausalScores causal_scores(const Eigen::MatrixXd& x, const Shape& shape, CausalTables& tables) {
  CausalScores out;
  out.x = x;
  out.shape = shape;
  out.query = (shape.width * shape.query_weight * x).array() + shape.bias_variance;
  out.rotary = tables.rotary;
  normalize(out);
  set_prefixes(out);
  set_key_spread(out);
  // Scores of a pair have the variance of the shorter row.
  out.variance = out.query.diagonal().cwiseProduct(out.key_spread) * out.key_gain();
  out.pair = tables.pairs(out.variance, correlations(out), out.rotary ? Correlations::rough : Correlations::smooth);
  set_rows(out, tables.rows);
  return out;
}

}  // namespace sigprop::predict
