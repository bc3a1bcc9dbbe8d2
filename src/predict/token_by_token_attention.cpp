// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <utility>

#include "predict/attention_shape.hpp"
#include "predict/token_by_token.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Are the tokens what they were in the layer before, up to rounding? Then so is what attention makes of them.
bool unchanged(const MatrixXd& before, const MatrixXd& now) {
  constexpr double rounding = 1e-13;
  return (now - before).cwiseAbs().maxCoeff() <= rounding * before.cwiseAbs().maxCoeff();
}

}  // namespace

CausalTables& TokenByToken::tables_of(const network::Attention& op) {
  const Kind kind{head_of(op, number_), op.rotary_base ? number_(*op.rotary_base) : 0,
                  op.rotary_base ? number_(op.rotary_width) : 0};
  const auto [place, made] = tables_.try_emplace(kind, places_, kind.head, rows_->of(places_.tokens(), kind.head));
  if (made && op.rotary_base) {
    place->second.rotary = std::make_shared<const RotaryField>(static_cast<Index>(network_.sequence_length),
                                                               kind.head.width, kind.rotary_width, kind.rotary_base);
  }
  return place->second;
}

const TokenByToken::Attended& TokenByToken::attention(const network::Attention& op, const Signal& x) {
  const Shape shape = attention_shape<double>(op, network_.sequence_length, number_);
  if (attended_.causal && attended_.causal->scores().shape == shape &&
      unchanged(attended_.causal->scores().x, x.dots) && (!across_ || unchanged(attended_.x_across, x.cross))) {
    return attended_;
  }
  attended_ = {};  // before the next is made: matrices of long sequences are large
  CausalTables& tables = tables_of(op);
  CausalScores scores = causal_scores(x.dots, shape, tables);
  attended_.causal =
      prefix_ == Prefix::means ? prefix_means(std::move(scores)) : actual_prefixes(std::move(scores), tables.rows);
  attended_.mixed = attended_.causal->mixed();
  if (across_) {
    attended_.x_across = x.cross;
    attended_.mixed_across = attended_.causal->mixed_across(x.cross);
  }
  return attended_;
}

CrossAttention TokenByToken::cross_attention(const network::Attention& op, const Signal& x) {
  const Head head = head_of(op, number_);
  const auto made = cross_tables_.try_emplace(head, network_.sequence_length, head);
  Shape shape = attention_shape<double>(op, network_.sequence_length, number_);
  shape.participation = memory_.cloud.participation;
  return CrossAttention(x.dots, x.cross, memory_.moments, shape, batch(), made.first->second, places_);
}

/// The heads' outputs.
TokenByToken::Signal TokenByToken::heads(const network::Attention& op, const Signal& x) {
  if (op.cross) return cross_heads(op, x);
  const Attended& attended = attention(op, x);
  const CausalScores& scores = attended.causal->scores();
  const Shape& shape = scores.shape;
  Signal z;
  z.dots = attended.mixed;
  if (across_) z.cross = attended.mixed_across;
  z = projected(z, scores.value_gain(), shape.bias_variance, fan_of(op));
  z.dots.diagonal() += shape.bias_variance * shape.dropout / (1 - shape.dropout) * scores.squares;
  return z;
}

TokenByToken::Signal TokenByToken::cross_heads(const network::Attention& op, const Signal& x) {
  const CrossAttention attended = cross_attention(op, x);
  Signal z;
  z.width = fan_of(op);
  z.mean = VectorXd::Zero(groups_);
  z.dots = attended.output();
  if (across_) z.cross = MatrixXd::Constant(groups_, places_.columns(), attended.output_across());
  return fresh(std::move(z));
}

TokenByToken::Signal TokenByToken::forward(const network::Attention& op, const Signal& x,
                                           profile::AttentionMetrics& metrics) {
  if (!op.cross && op.mask != network::Mask::causal)
    throw NotCovered("attention without a mask behind a causal one is not covered by this theory yet");
  Signal z = heads(op, x);
  if (op.cross) {
    const CrossAttention attended = cross_attention(op, x);
    metrics.score_variance = quantity(attended.mean_score_variance());
    set_entropy(metrics, attended.mean_entropy(), network_.sequence_length);
  } else {
    const CausalScores& scores = attended_.causal->scores();
    const double length = network_.sequence_length, varying = std::max(1.0, length - 1);
    metrics.score_variance = quantity(places_.mean(scores.variance) * length / varying);
    set_entropy(metrics, places_.mean(scores.entropy), length);
  }
  if (op.inner_norm) z = normalized(*op.inner_norm, z);
  return projected(z, z.width * square(op.output_std), square(op.bias_std), x.width);
}

TokenByToken::Gradient TokenByToken::backward(const network::Attention& op, const Signal& x, const Gradient& g,
                                              Norms& norms) {
  const double width = number_(op.width), fan = fan_of(op);
  const double output_gain = width * square(op.output_std);
  Gradient b = fresh(Gradient{output_gain * g.dots, output_gain * g.cross, {}, {}});
  const Signal z = heads(op, x);
  if (op.inner_norm) {
    norms[3] = weight_gradient(normalized(*op.inner_norm, z), g, fan, width);
    b = through_norm(*op.inner_norm, z, z.width, b);
  } else {
    norms[3] = weight_gradient(z, g, fan, width);
  }
  return op.cross ? cross_attention_backward(op, x, b, norms) : self_attention_backward(op, x, b, norms);
}

TokenByToken::Gradient TokenByToken::self_attention_backward(const network::Attention& op, const Signal& x,
                                                             const Gradient& b, Norms& norms) {
  const double fan = fan_of(op);
  const Attended& attended = attention(op, x);
  const Shape& shape = attended.causal->scores().shape;
  const CausalGradient back = attended.causal->backward(b.dots);
  Gradient in;
  in.dots = fan * (shape.value_weight * back.value + shape.query_weight * back.query + shape.key_weight * back.key);
  double value = places_.total(attended.mixed.cwiseProduct(b.dots));
  double query = places_.total(x.dots.cwiseProduct(back.query));
  double key = back.key_weight;
  if (across_) {
    const double others = batch() - 1;
    const CrossGradient across = attended.causal->backward_across(b.cross, x.cross);
    in.cross = fan * (shape.value_weight * across.value + shape.query_weight * across.query);
    value += others * places_.total(attended.mixed_across.cwiseProduct(b.cross));
    query += others * places_.total(x.cross.cwiseProduct(across.query));
    key += others * across.key_weight;
  }
  const double elements = batch() * number_(op.width) * fan;
  norms[0] = elements * query;
  norms[1] = elements * key;
  norms[2] = elements * value;
  return fresh(std::move(in));
}

TokenByToken::Gradient TokenByToken::cross_attention_backward(const network::Attention& op, const Signal& x,
                                                              const Gradient& b, Norms& norms) {
  const double fan = fan_of(op);
  const CrossAttentionGradient back = cross_attention(op, x).backward(b.dots, b.cross);
  memory_gradient_ = formula::sum(memory_gradient_, back.memory);
  const double elements = batch() * number_(op.width) * fan;
  norms[0] = elements * back.query_weight;
  norms[1] = elements * back.key_weight;
  norms[2] = elements * back.value_weight;
  const double gain = fan * square(op.query_std);
  return fresh(Gradient{gain * back.query, gain * back.query_across, {}, {}});
}

}  // namespace sigprop::predict
