// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include "predict/tokens/grouped_tokens.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

/// Are the tokens what they were in the layer before, up to rounding? Then so is what attention
/// makes of them.
bool unchanged(const MatrixXd& before, const MatrixXd& now) {
  constexpr double rounding = 1e-13;
  if (before.size() != now.size()) return false;
  return before.size() == 0 || (now - before).cwiseAbs().maxCoeff() <= rounding * before.cwiseAbs().maxCoeff();
}

bool unchanged(const TokenPairs& before, const TokenPairs& now) {
  return unchanged(before.within, now.within) && (!now.has_across() || unchanged(before.across, now.across));
}

}  // namespace

CausalTables& GroupedTokens::tables_of(const AttentionOp<double>& op) {
  const Kind kind{head_of(op), op.rotary_base.value_or(0), op.rotary_base ? op.rotary_width : 0};
  const auto [found, made] = tables_.try_emplace(kind, *groups_, kind.head, rows_->of(groups_->tokens(), kind.head));
  if (made && op.rotary_base) {
    found->second.rotary = std::make_shared<const RotaryField>(static_cast<Index>(network_.sequence_length),
                                                               kind.head.width, kind.rotary_width, kind.rotary_base);
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
  if (attended_.rows && attended_.over_words == nullptr && attended_.shape == shape && unchanged(attended_.x, dots))
    return;
  attended_ = {};  // before the next is made: matrices of long sequences are large
  std::unique_ptr<TokenAttention> rows = rows_over(op, dots.within, shape);
  MatrixXd across = dots.has_across() ? rows->mixed_across(dots.across) : MatrixXd();
  set_attended(std::move(rows), std::move(across), std::move(dots), shape);
}

/// across: what the rows average of another sequence; empty where pairs of them are not followed.
void GroupedTokens::set_attended(std::unique_ptr<TokenAttention> rows, MatrixXd across, TokenPairs dots,
                                 const Shape& shape) {
  attended_.mixed = {groups_.get(), rows->mixed(), std::move(across)};
  attended_.rows = std::move(rows);
  attended_.x = std::move(dots);
  attended_.shape = shape;
}

formula::Anisotropy<double> GroupedTokens::anisotropy(const Attended& a, const Signal& x) const {
  const Shape& shape = *a.shape;
  if (a.cross)
    return formula::attention_anisotropy(alike(x.moments), x.anisotropy, memory_.moments, shape, a.cross->mean);
  const auto centred = [&](const MatrixXd& m) { return groups_->mean(m.diagonal()) - groups_->mean_of_pairs(m, 0); };
  const double all = centred(a.mixed.within), fan = fan_of(shape);
  if (!(all > 0)) return {1 / fan, 0};
  const double linear = std::clamp(centred(a.rows->linear()) / all, 0.0, 1.0), own = 1 - linear;
  const double of_rows = x.anisotropy.participation;
  // Outputs that follow a row's query too are sums of another's keys, as they lie in space.
  const double by_keys = a.over_words != nullptr ? words_participation_ : own * own * of_rows;
  return {linear * linear * of_rows + by_keys / shape.heads + (1 + linear * linear) / fan,
          x.anisotropy.linear * linear};
}

std::unique_ptr<TokenAttention> GroupedTokens::rows_over(const AttentionOp<double>& op, const MatrixXd& dots,
                                                         const Shape& shape) {
  CausalTables& tables = tables_of(op);
  if (op.mask != network::Mask::causal) return unmasked_rows(RowScores(tables, dots, shape), laws_);
  if (prefix_ == Prefix::means) return prefix_means(causal_scores(dots, shape, tables));
  if (tables.rotary && !tables.rotated_pairs)
    tables.rotated_pairs = std::make_shared<RotatedPairs>(*tables.rotary, *groups_);
  return actual_prefixes(causal_scores(dots, shape, tables), tables.rows);
}

void GroupedTokens::attend_to(std::vector<WordMemory> words, double participation) {
  words_ = std::move(words);
  words_participation_ = participation;
}

void GroupedTokens::attend_to_words(const AttentionOp<double>& op, const Signal& x) {
  Shape shape = attention_shape(op, network_.sequence_length);
  shape.participation = words_participation_;
  TokenPairs dots = products(x.moments);
  if (attended_.over_words != nullptr && attended_.shape == shape && unchanged(attended_.x, dots)) return;
  attended_ = {};
  RowScores scores(tables_of(op), dots.within, shape);
  RowQueries queries = row_queries(scores);
  std::vector<std::shared_ptr<const KeyLaw>> laws;
  double mean = 0;  // of the pairs of two sequences
  for (WordMemory& memory : words_) {
    laws.push_back(memory.law(queries, scores.key_gain() * queries.own, shape.head_width, laws_));
    mean += mean_across(memory.products()) / static_cast<double>(words_.size());
  }
  auto rows = std::make_unique<UnmaskedRows>(std::move(scores), std::move(queries), std::move(laws));
  attended_.over_words = rows.get();
  MatrixXd across = MatrixXd::Constant(dots.across.rows(), dots.across.cols(), mean);
  set_attended(std::move(rows), std::move(across), std::move(dots), shape);
}

void GroupedTokens::attend_across(const AttentionOp<double>& op, const Signal& x) {
  if (!words_.empty()) return attend_to_words(op, x);
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
  if (a.cross) return cross_backward(a, b, norms);
  return a.over_words != nullptr ? words_backward(a, b, norms) : self_backward(a, x, b, norms);
}

/// query, key_weight, across: gradients within a sequence and, of a batch, between two.
void GroupedTokens::set_norms(const Attended& a, const TokenPairs& b, const MatrixXd& query, double key_weight,
                              const std::optional<CrossGradient>& across, Norms& norms) const {
  double at_value = groups_->total(a.mixed.within.cwiseProduct(b.within));
  double at_query = groups_->total(a.x.within.cwiseProduct(query));
  double at_key = key_weight;
  if (across) {
    const double others = network_.batch - 1;
    at_value += others * groups_->total(a.mixed.across.cwiseProduct(b.across));
    at_query += others * groups_->total(a.x.across.cwiseProduct(across->query));
    at_key += others * across->key_weight;
  }
  const double elements = network_.batch * a.shape->width * fan_of(*a.shape);
  norms[0] = elements * at_query;
  norms[1] = elements * at_key;
  norms[2] = elements * at_value;
}

TokenPairs GroupedTokens::self_backward(const Attended& a, const Signal& x, const TokenPairs& b, Norms& norms) const {
  const Shape& shape = *a.shape;
  const double fan = fan_of(shape);
  a.rows->follow(x.anisotropy.participation);
  const CausalGradient back = a.rows->backward(b.within);
  TokenPairs in{groups_.get(),
                fan * (shape.value_weight * back.value + shape.query_weight * back.query + shape.key_weight * back.key),
                {}};
  std::optional<CrossGradient> across;
  if (b.has_across()) {
    across = a.rows->backward_across(b.across, a.x.across);
    in.across = fan * (shape.value_weight * across->value + shape.query_weight * across->query);
  }
  set_norms(a, b, back.query, back.key_weight, across, norms);
  return in;
}

TokenPairs GroupedTokens::words_backward(const Attended& a, const TokenPairs& b, Norms& norms) {
  const Shape& shape = *a.shape;
  const double fan = fan_of(shape);
  const UnmaskedRows::Gradients back = a.over_words->gradients(b.within);
  TokenPairs in{groups_.get(), fan * shape.query_weight * back.query, {}};
  std::optional<CrossGradient> across;
  if (b.has_across()) {
    across = a.rows->backward_across(b.across, a.x.across);
    in.across = fan * shape.query_weight * across->query;
  }
  set_norms(a, b, back.query, back.key_weight, across, norms);
  for (std::size_t sequence = 0; sequence < words_.size(); ++sequence) {
    const UnmaskedRows::AtKeys& at_keys = back.keys[sequence];
    // Encoder and decoder read so many tokens each: rows average alike over another sequence's.
    const std::optional<double> at_values =
        across ? std::optional(fan * shape.value_weight * mean_across(b)) : std::nullopt;
    words_[sequence].add(fan * (shape.value_weight * at_keys.value + shape.key_weight * at_keys.key), at_values);
  }
  return in;
}

TokenPairs GroupedTokens::cross_backward(const Attended& a, const TokenPairs& b, Norms& norms) {
  auto back = formula::attention_backward(b, a.cross->rows, memory_.moments, *a.shape, network_.batch);
  memory_gradient_ = memory_gradient_ + back.keys;
  norms = {back.query_weight, back.key_weight, back.value_weight, norms[3]};
  return std::move(back.rows);
}

}  // namespace sigprop::predict
