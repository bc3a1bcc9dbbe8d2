// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "predict/tokens/causal_attention.hpp"
#include "predict/tokens/token_pairs.hpp"

namespace sigprop::predict {
namespace {

using Index = Eigen::Index;

PrefixSums prefix_sums(const TokenGroups& groups, const Eigen::MatrixXd& products) {
  const Index count = groups.count();
  PrefixSums out{Eigen::VectorXd(count), Eigen::VectorXd(count), Eigen::VectorXd(count)};
  // Over the different tokens of `some` of a group.
  const auto within = [&](Index g, double some) { return some > 1 ? some * (some - 1) * products(g, count) : 0; };
  double diagonal = 0, all = 0;  // over the groups before
  for (Index g = 0; g < count; ++g) {
    const double keys = groups.middle(g), reached = groups.reached(g), size = groups.size(g), x = products(g, g);
    const double beside = products.col(g).head(g).dot(groups.sizes().head(g));
    out.own[g] = (diagonal + reached * x) / keys;
    out.all[g] = all + reached * (x + 2 * beside) + within(g, reached);
    out.spread[g] = g == 0 ? 0 : std::max(0.0, out.own[g] - (out.all[g] - keys * out.own[g]) / (keys * (keys - 1)));
    diagonal += size * x;
    all += size * (x + 2 * beside) + within(g, size);
  }
  return out;
}

void set_prefixes(RowScores& out) {
  out.values = prefix_sums(out.groups, out.x);
  const PrefixSums keys = out.shape.normalized ? prefix_sums(out.groups, out.normed_key) : out.values;
  out.own = keys.own;
  out.spread = keys.spread;
}

/// Queries and, behind a norm, keys.
void set_projections(RowScores& out) {
  const Shape& shape = out.shape;
  formula::Queries<double, TokenPairs> queries({&out.groups, out.x, {}}, shape);
  out.query = std::move(queries.products.within);
  if (!shape.normalized) return;
  out.query_size = std::move(queries.size);
  out.key_size = shape.width * shape.key_weight * out.x.diagonal().array() + (shape.bias_variance + shape.norm_epsilon);
  formula::require_positive("key second moment before its norm", out.key_size);
  out.normed_key = out.before_norm(out.key_size, out.x);
}

/// The first `some` tokens of a group.
RotaryField::Range range_of(const TokenGroups& groups, Index g, double some) {
  const auto first = static_cast<Index>(groups.before(g));
  return {first, first + static_cast<Index>(some)};
}

/// Sets the spread of the keys as their rows see them, rotated.
void set_key_spread(RowScores& out) {
  out.key_spread = out.spread;
  if (!out.rotary) return;
  const TokenGroups& groups = out.groups;
  const Eigen::MatrixXd& x = out.key();
  double before = 0;  // Σ X_jj' κ(j-j') over j ≠ j' of the groups before
  const auto with = [&](Index g, double some) {
    const RotaryField::Range own = range_of(groups, g, some);
    double sum = 0;
    for (Index c = 0; c < g; ++c) sum += 2 * x(c, g) * out.rotary->sum(range_of(groups, c, groups.size(c)), own);
    if (some > 1) sum += x(g, groups.count()) * (out.rotary->sum(own, own) - some);
    return before + sum;
  };
  for (Index g = 0; g < groups.count(); ++g) {
    const double keys = groups.middle(g);
    if (g > 0) out.key_spread[g] = std::max(0.0, out.own[g] - with(g, groups.reached(g)) / (keys * (keys - 1)));
    before = with(g, groups.size(g));
  }
}

/// Correlation of the scores of two rows, were both queries of the same norm.
Eigen::MatrixXd correlations(const RowScores& scores) {
  const Eigen::VectorXd root = scores.query.diagonal().cwiseSqrt();
  Eigen::MatrixXd out = scores.query;
  scale_pairs(root.unaryExpr([](double r) { return r > 0 ? 1 / r : 0.0; }), out);
  if (scores.rotary) {
    const SharedKeys keys(scores);
    const Index count = scores.groups.count();
    for (Index g = 0; g < count; ++g) {
      const double own = scores.key_spread[g];
      for (Index h = g + 1; h < count; ++h) out(h, g) *= own > 0 ? keys.spread(g, h) / own : 0;
      if (out.cols() > count) out(g, count) *= own > 0 ? keys.spread_within(g) / own : 0;
    }
  }
  return out.cwiseMax(-1.0).cwiseMin(1.0);
}

void set_rows(RowScores& out, RowTable& rows) {
  const Index count = out.groups.count();
  out.squares = Eigen::VectorXd::Ones(count);
  out.entropy = Eigen::VectorXd::Zero(count);
  out.leak = Eigen::VectorXd::Zero(count);
  out.pair.overlap(0, 0) = 1;
  for (Index g = 1; g < count; ++g) {
    const formula::RowMeans<double> row = rows.row(out.groups.middle(g), out.variance[g]);
    out.squares[g] = row.squares;
    out.entropy[g] = row.entropy;
    out.leak[g] = row.leak;
    out.pair.overlap(g, g) = row.squares;
    out.pair.query_jacobian(g, g) = row.query_jacobian;
    out.pair.key_jacobian(g, g) = row.key_jacobian;
  }
}

}  // namespace

void TokenAttention::set_score_paths_across(const Eigen::MatrixXd& common, const Eigen::MatrixXd& x,
                                            CrossGradient& out) const {
  const Shape& shape = scores_.shape;
  out.query = scores_.before_norm(scores_.query_size, scores_.key_gain() * common);
  const Eigen::MatrixXd query =
      scores_.before_norm(scores_.query_size, (shape.width * shape.query_weight * x).array() + shape.bias_variance);
  out.key_weight = shape.score_gain * scores_.groups.total(common.cwiseProduct(query));
}

double SharedKeys::rotated(Index g, double kept, double left) const {
  const double own = scores_.own[g];
  return kept * own - left * (own - scores_.spread[g]);
}

double SharedKeys::spread(Index g, Index h) const {
  return !scores_.rotary || g == h ? scores_.key_spread[g] : rotated(g, kept(g, h), left(g, h));
}

double SharedKeys::spread_within(Index g) const {
  const bool one_row = !scores_.rotary || scores_.groups.size(g) < 2;
  return one_row ? scores_.key_spread[g] : rotated(g, kept_within(g), left_within(g));
}

double SharedKeys::kept(Index g, Index h) const {
  const TokenGroups& groups = scores_.groups;
  const RotaryField::Range a = range_of(groups, g, groups.size(g)), b = range_of(groups, h, groups.size(h));
  return scores_.rotary->sum(a, b) / (groups.size(g) * groups.size(h));
}

double SharedKeys::kept_within(Index g) const {
  const double size = scores_.groups.size(g);
  const RotaryField::Range a = range_of(scores_.groups, g, size);
  return size > 1 ? (scores_.rotary->sum(a, a) - size) / (size * (size - 1)) : 1;
}

double SharedKeys::left(Index g, Index h) const {
  if (!scores_.rotary) return 1;
  const double first = scores_.groups.middle(g), second = scores_.groups.middle(h);
  return scores_.rotary->mean(static_cast<Index>(first), static_cast<Index>(second - first));
}

double SharedKeys::left_within(Index g) const {
  return left(g, g);  // it changes little within a group
}

RowScores causal_scores(const Eigen::MatrixXd& x, const Shape& shape, CausalTables& tables) {
  RowScores out(tables, x, shape);
  set_projections(out);
  set_prefixes(out);
  set_key_spread(out);
  // Scores of a pair have the variance of the shorter row.
  out.variance = out.query.diagonal().cwiseProduct(out.key_spread) * out.key_gain();
  for (const double v : out.variance) formula::require_finite("score variance", v);
  out.pair = tables.pairs(out.variance, correlations(out), out.rotary ? Correlations::rough : Correlations::smooth);
  set_rows(out, tables.rows);
  return out;
}

}  // namespace sigprop::predict
