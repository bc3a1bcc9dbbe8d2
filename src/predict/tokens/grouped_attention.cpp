// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include "predict/tokens/grouped_tokens.hpp"

namespace sigprop::predict {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;

/// Are the tokens what they were in the layer before, up to rounding? Then so is what attention
/// makes of them.
bool unchanged(const MatrixXd& before, const MatrixXd& now) {
  constexpr double rounding = 1e-13;
  if (before.size() != now.size()) return false;
  return before.size() == 0 || (now - before).cwiseAbs().maxCoeff() <= rounding * before.cwiseAbs().maxCoeff();
}

}  // namespace

CausalTables& GroupedTokens::tables_of(const AttentionOp<double>& op) {
  const Kind kind{head_of(op), op.rotary_base.value_or(0), op.rotary_base ? op.rotary_width : 0};
  const auto [found, made] = tables_.try_emplace(kind, *groups_, kind.head, rows_->of(groups_->tokens(), kind.head));
  if (made && op.rotary_base) {
    found->second.rotary = std::make_shared<const RotaryField>(static_cast<Index>(network_.sequence_length),
                                                               kind.head.width, kind.rotary_width, kind.rotary_base);
    found->second.rotated_pairs = std::make_shared<RotatedPairs>(*found->second.rotary, *groups_);
  }
  return found->second;
}

const GroupedTokens::Attended& GroupedTokens::attend(const AttentionOp<double>& op, const Signal& x) {
  if (op.cross) {
    attend_across(op, x);
  } else {
    if (op.mask != network::Mask::causal && groups_->are_neighbours())
      throw NotCovered("attention without a mask behind a causal one is not covered by this theory yet");
    attend_to_itself(op, x);
  }
  return attended_;
}

void GroupedTokens::attend_to_itself(const AttentionOp<double>& op, const Signal& x) {
  Shape shape = attention_shape(op, network_.sequence_length);
  TokenPairs dots = products(x.moments);
  const bool masked = op.mask == network::Mask::causal;
  if (masked) shape.participation = x.anisotropy.participation;
  if (attended_.rows && attended_.shape == shape && unchanged(attended_.x.within, dots.within) &&
      (!dots.has_across() || unchanged(attended_.x.across, dots.across)))
    return;
  attended_ = {};  // before the next is made: matrices of long sequences are large
  attended_.rows = rows_over(op, dots.within, shape);
  attended_.mixed = {groups_.get(), attended_.rows->mixed(), {}};
  if (dots.has_across()) attended_.mixed.across = attended_.rows->mixed_across(dots.across);
  attended_.x = std::move(dots);
  attended_.shape = shape;
}

formula::Anisotropy<double> GroupedTokens::anisotropy(const Attended& a, const Signal& x) const {
  const Shape& shape = *a.shape;
  if (a.cross) {
    Shape of_keys = shape;
    return formula::attention_anisotropy(alike(x.moments), x.anisotropy, memory_.moments, of_keys, a.cross->mean);
  }
  const auto centred = [&](const MatrixXd& m) {
    return formula::centred_variance(alike({ArrayXd::Zero(m.rows()), {groups_.get(), m, {}}}));
  };
  const double all = centred(a.mixed.within), fan = fan_of(shape);
  if (!(all > 0)) return {1 / fan, 0};
  const double linear = std::clamp(centred(a.rows->linear()) / all, 0.0, 1.0), own = 1 - linear;
  const double s = x.anisotropy.participation;
  return {linear * linear * s + own * own * s / shape.heads + (1 + linear * linear) / fan,
          x.anisotropy.linear * linear};
}

std::unique_ptr<TokenAttention> GroupedTokens::rows_over(const AttentionOp<double>& op, const MatrixXd& dots,
                                                         const Shape& shape) {
  CausalTables& tables = tables_of(op);
  if (op.mask != network::Mask::causal) return unmasked_rows(RowScores(tables, dots, shape), laws_);
  RowScores scores = causal_scores(dots, shape, tables);
  return prefix_ == Prefix::means ? prefix_means(std::move(scores)) : actual_prefixes(std::move(scores), tables.rows);
}

void GroupedTokens::attend_across(const AttentionOp<double>& op, const Signal& x) {
  Shape shape = attention_shape(op, network_.sequence_length);
  shape.participation = memory_.anisotropy.participation;
  attended_ = {};
  attended_.shape = shape;
  attended_.x = products(x.moments);
  const Head head = head_of(op);
  const auto table = cross_tables_.try_emplace(head, network_.sequence_length, head);
  attended_.cross = cross_attention(attended_.x, memory_.moments, shape, table.first->second);
}

void GroupedTokens::measure(const Attended& a, profile::AttentionMetrics& metrics) const {
  const double length = network_.sequence_length;
  if (a.cross) {
    metrics.score_variance = quantity(a.cross->score_variance);
    set_entropy(metrics, a.cross->entropy, length);
    return;
  }
  const RowScores& scores = a.rows->scores();
  metrics.score_variance = quantity(a.rows->score_variance());
  set_entropy(metrics, groups_->mean(scores.entropy), length);
}

TokenMoments GroupedTokens::heads(const Attended& a) const {
  if (a.cross) return formula::attention_forward(a.cross->rows, memory_.moments, *a.shape);
  const RowScores& scores = a.rows->scores();
  const Shape& shape = scores.shape;
  TokenPairs z = shifted(scores.value_gain() * a.mixed, shape.bias_variance);
  z.within.diagonal() += shape.bias_variance * shape.dropout / (1 - shape.dropout) * scores.squares;
  return signal_of(std::move(z));
}

TokenPairs GroupedTokens::backward(const Attended& a, const Signal& x, const TokenPairs& b, Norms& norms) {
  return a.cross ? cross_backward(a, b, norms) : self_backward(a, x, b, norms);
}

TokenPairs GroupedTokens::self_backward(const Attended& a, const Signal& x, const TokenPairs& b, Norms& norms) const {
  const Shape& shape = *a.shape;
  const double fan = fan_of(shape);
  a.rows->follow(x.anisotropy.participation);
  const CausalGradient back = a.rows->backward(b.within);
  TokenPairs in{groups_.get(),
                fan * (shape.value_weight * back.value + shape.query_weight * back.query + shape.key_weight * back.key),
                {}};
  double value = groups_->total(a.mixed.within.cwiseProduct(b.within));
  double query = groups_->total(a.x.within.cwiseProduct(back.query));
  double key = back.key_weight;
  if (b.has_across()) {
    const double others = network_.batch - 1;
    const CrossGradient across = a.rows->backward_across(b.across, a.x.across);
    in.across = fan * (shape.value_weight * across.value + shape.query_weight * across.query);
    value += others * groups_->total(a.mixed.across.cwiseProduct(b.across));
    query += others * groups_->total(a.x.across.cwiseProduct(across.query));
    key += others * across.key_weight;
  }
  const double elements = network_.batch * shape.width * fan;
  norms[0] = elements * query;
  norms[1] = elements * key;
  norms[2] = elements * value;
  return in;
}

TokenPairs GroupedTokens::cross_backward(const Attended& a, const TokenPairs& b, Norms& norms) {
  auto back = formula::attention_backward(b, a.cross->rows, memory_.moments, *a.shape, network_.batch);
  memory_gradient_ = memory_gradient_ + back.keys;
  norms = {back.query_weight, back.key_weight, back.value_weight, norms[3]};
  return std::move(back.rows);
}

}  // namespace sigprop::predict
