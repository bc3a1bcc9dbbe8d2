// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/cross_attention.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "predict/tables/curve.hpp"
#include "predict/tokens/causal_attention.hpp"
#include "predict/tokens/symmetric.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// A matrix of pairs of rows, of which the diagonal has a factor of its own.
MatrixXd scaled(MatrixXd pairs, double own, double paired) {
  const VectorXd diagonal = own * pairs.diagonal();
  pairs *= paired;
  pairs.diagonal() = diagonal;
  return pairs;
}

}  // namespace

CrossAttention::CrossAttention(TokenPairs rows, const formula::Moments<double>& memory,
                               const formula::AttentionShape<double>& shape, double batch, SoftmaxTable<double>& table)
    : rows_(std::move(rows)),
      memory_(memory),
      shape_(shape),
      batch_(batch),
      factors_({0, rows_.within(0, 0), 0, 0}, memory, shape) {
  const Index length = rows_.within.rows();
  query_ = (shape_.width * shape_.query_weight * rows_.within).array() + shape_.bias_variance;
  if (shape_.normalized) require_alike(query_.diagonal());
  query_ *= factors_.query_scale;
  key_gain_ = shape_.score_gain * factors_.key_gain;
  variance_ = query_.diagonal() * (key_gain_ * factors_.spread);
  entropy_ = focus_ = VectorXd(length);
  set_pairs(table);
  for (Index i = 0; i < length; ++i) {
    const formula::RowMeans<double> row = table(variance_[i], 0).row;
    entropy_[i] = row.entropy;
    focus_[i] = 1 - row.squares;
    overlap_(i, i) = row.squares;
    query_jacobian_(i, i) = row.query_jacobian;
    key_jacobian_(i, i) = query_(i, i) * row.key_jacobian;
  }
}

/// All pairs of rows; behind a norm, where rows are alike, from curves over their correlation.
void CrossAttention::set_pairs(SoftmaxTable<double>& table) {
  const VectorXd root = query_.diagonal().cwiseSqrt();
  const bool alike = nearly_constant(variance_);
  const double rotated = factors_.spread > 0 ? formula::correlation(factors_.paired_spread, factors_.spread) : 1;
  const auto exact = [&](double v, double rho) { return table(v, rho).pair; };
  const auto matrix = [&](double formula::PairMeans<double>::*part) {
    std::optional<Curve> curve;
    if (alike) curve.emplace([&](double rho) { return exact(variance_[0], rho).*part; });
    const auto value = [&](Index i, Index m, double product) {
      const double rho = std::max(0.0, rotated * formula::correlation(product, root[i] * root[m]));
      return curve ? (*curve)(rho) : exact(std::sqrt(variance_[i] * variance_[m]), rho).*part;
    };
    const Index count = query_.rows();
    return over_groups(
        count, query_.cols(), [&](Index i, Index m) { return value(i, m, query_(i, m)); },
        [&](Index i) { return value(i, i, query_(i, count)); });
  };
  overlap_ = matrix(&formula::PairMeans<double>::overlap);
  query_jacobian_ = matrix(&formula::PairMeans<double>::query_jacobian);
  key_jacobian_ = matrix(&formula::PairMeans<double>::key_jacobian);
  scale_pairs(root, key_jacobian_);
}

/// Of values with second moment `own` and token product `dot`: E[A y yᵀ Aᵀ].
MatrixXd CrossAttention::mixed(double own, double dot) const {
  MatrixXd leak = key_gain_ / shape_.width * query_;
  scale_pairs(focus_, leak);
  MatrixXd z = overlap_ + scaled(leak, factors_.shared, factors_.paired_shared);
  z = ((own - dot) * z).array() + dot;
  z.diagonal() += own * shape_.dropout / (1 - shape_.dropout) * overlap_.diagonal();
  return z;
}

TokenPairs CrossAttention::output() const {
  const auto value = formula::linear_forward(memory_, shape_.width, shape_.value_weight, shape_.bias_variance);
  TokenPairs out{rows_.groups, mixed(value.second_moment(), value.token_dot()), {}};
  if (rows_.has_across()) out.across = MatrixXd::Constant(rows_.across.rows(), rows_.across.cols(), value.cross_dot());
  return out;
}

CrossAttentionGradient CrossAttention::backward(const TokenPairs& at_heads) const {
  const MatrixXd &b = at_heads.within, &across = at_heads.across;
  const auto value = formula::linear_forward(memory_, shape_.width, shape_.value_weight, shape_.bias_variance);
  const double keep = 1 - shape_.dropout, own = value.second_moment() - value.token_dot();
  const double own_dropped = value.second_moment() / keep - value.token_dot();
  const MatrixXd leak = own * shape_.participation * outer(focus_, b.cols());

  // w T12 + leak between rows, w_p T + leak within one.
  const auto bracket = [&](const MatrixXd& jacobian) {
    MatrixXd out = own * jacobian;
    out.diagonal() = own_dropped * jacobian.diagonal();
    return out;
  };
  CrossAttentionGradient out;
  const MatrixXd kept = scaled(leak, factors_.shared, factors_.paired_shared);
  const double query_gain = key_gain_ * factors_.query_scale;
  out.query.groups = rows_.groups;
  out.query.within =
      query_gain * b.cwiseProduct(scaled(bracket(query_jacobian_), factors_.spread, factors_.paired_spread) + kept);
  out.query_weight = groups().total(rows_.within.cwiseProduct(out.query.within));
  const double gain = shape_.score_gain * factors_.key_scale;
  const MatrixXd key = b.cwiseProduct(bracket(key_jacobian_));
  out.key_weight =
      gain * (factors_.spread * groups().total(key) + groups().total(b.cwiseProduct(query_).cwiseProduct(kept)));
  out.value_weight = groups().total(mixed(memory_.second_moment(), memory_.token_dot()).cwiseProduct(b));

  const double others = keys() - 1, fan = shape_.heads * shape_.head_width;
  const double shared = groups().total(b.cwiseProduct(overlap_));
  const VectorXd by_row = b.diagonal().cwiseProduct(overlap_.diagonal());
  const double same = shared + groups().sizes().dot(by_row) * (1 / keep - 1);
  const double apart = (groups().total(b) - shared) / others;
  const formula::Gradient<double> at_values{same / keys(), apart / keys(),
                                            across.size() > 0 ? groups().total(across) / (keys() * keys()) : 0};
  const double at_key = gain * groups().total(key) / keys();
  const formula::Gradient<double> at_keys{at_key, -at_key / others, 0};
  out.memory = formula::sum(formula::linear_backward(at_values, fan, shape_.value_weight),
                            formula::linear_backward(at_keys, fan, shape_.key_weight));
  if (across.size() == 0) return out;
  const MatrixXd common = factors_.paired_shared * across.cwiseProduct(leak);
  const MatrixXd query_across =
      factors_.query_scale * ((shape_.width * shape_.query_weight * rows_.across).array() + shape_.bias_variance);
  out.query.across = query_gain * common;
  out.query_weight += (batch_ - 1) * groups().total(rows_.across.cwiseProduct(out.query.across));
  out.key_weight += (batch_ - 1) * gain * groups().total(common.cwiseProduct(query_across));
  out.value_weight += (batch_ - 1) * memory_.cross_dot() * groups().total(across);
  return out;
}

}  // namespace sigprop::predict
