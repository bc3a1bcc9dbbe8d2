// SPDX-License-Identifier: Apache-2.0
#include "predict/token_by_token.hpp"

#include <cmath>
#include <utility>

#include "predict/activation_pairs.hpp"
#include "predict/attention_shape.hpp"
#include "predict/gram_rank.hpp"
#include "predict/symmetric.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

double square(double x) {
  return x * x;
}

/// The means of shares by token, weighted by variances.
VectorXd weighted(const VectorXd& a, const VectorXd& variance_a, const VectorXd& b, const VectorXd& variance_b) {
  const VectorXd sum = variance_a + variance_b;
  const VectorXd both = a.cwiseProduct(variance_a) + b.cwiseProduct(variance_b);
  return both.binaryExpr(sum, [](double part, double all) { return all > 0 ? part / all : 0.0; });
}

double off_diagonal_mean(const MatrixXd& m) {
  const double length = static_cast<double>(m.rows());
  return m.rows() > 1 ? (m.sum() - m.trace()) / (length * (length - 1)) : 0;
}

std::vector<profile::Quantity> by_token(const MatrixXd& dots) {
  std::vector<profile::Quantity> out;
  for (Index i = 0; i < dots.rows(); ++i) out.push_back(quantity(dots(i, i)));
  return out;
}

}  // namespace

TokenByToken::TokenByToken(const network::Network& network, Prefix prefix, bool tokens)
    : network_(network), prefix_(prefix), tokens_(tokens), length_(static_cast<Index>(network.sequence_length)) {}

// ---- ends ------------------------------------------------------------------------------------------------------------

TokenByToken::Signal TokenByToken::source() const {
  const auto mean = Exchangeable<double>(network_, Theory::full).source().moments;
  Signal x;
  x.width = network_.width;
  x.mean = VectorXd::Constant(length_, mean.mean);
  x.dots = MatrixXd::Constant(length_, length_, mean.token_dot());
  x.dots.diagonal().setConstant(mean.second_moment());
  if (batched()) {
    x.cross = MatrixXd::Constant(length_, length_, mean.cross_dot());
    const auto* embedding = std::get_if<network::Embedding>(&network_.source);
    if (embedding != nullptr && embedding->position) {  // the moments spread it over all pairs of positions
      const double shared = square(embedding->std);
      x.cross.array() -= shared / network_.sequence_length;
      x.cross.diagonal().array() += shared;
    }
  }
  return fresh(std::move(x));
}

TokenByToken::Gradient TokenByToken::loss_gradient(const Signal&) const {
  Gradient g;
  g.dots = MatrixXd::Constant(length_, length_, network_.gradient_variance * network_.gradient_token_correlation);
  g.dots.diagonal().setConstant(network_.gradient_variance);
  if (batched()) g.cross = MatrixXd::Zero(length_, length_);
  return fresh(std::move(g));
}

profile::Forward TokenByToken::profile_of(const Signal& x, std::size_t width) const {
  formula::Moments<double> mean;
  mean.mean = x.mean.mean();
  const double squared_mean = square(mean.mean);
  mean.variance = x.dots.diagonal().mean() - squared_mean;
  mean.covariance = off_diagonal_mean(x.dots) - squared_mean;
  if (batched()) mean.cross_covariance = x.cross.mean() - squared_mean;
  profile::Forward out = forward_of(mean, network_.sequence_length, width, batched());
  out.effective_rank = effective_rank_of(x.dots, static_cast<double>(width));
  out.ends = profile::Ends{quantity(x.dots(0, 0)), quantity(x.dots(length_ - 1, length_ - 1))};
  if (tokens_) out.tokens = by_token(x.dots);
  return out;
}

profile::Backward TokenByToken::profile_of(const Gradient& g, std::size_t width) const {
  const formula::Gradient<double> mean{g.dots.diagonal().mean(), off_diagonal_mean(g.dots),
                                       batched() ? g.cross.mean() : 0};
  const double elements = network_.batch * network_.sequence_length * static_cast<double>(width);
  profile::Backward out = backward_of(mean, elements, batched());
  out.ends = profile::Ends{quantity(g.dots(0, 0)), quantity(g.dots(length_ - 1, length_ - 1))};
  if (tokens_) out.tokens = by_token(g.dots);
  return out;
}

TokenByToken::Signal TokenByToken::fresh(Signal x) const {
  x.settled = VectorXd::Zero(length_);
  return x;
}

TokenByToken::Gradient TokenByToken::fresh(Gradient g) const {
  g.centred = g.radial = VectorXd::Zero(length_);
  return g;
}

// ---- linear, activation, dropout ------------------------------------------------------------------------------------

TokenByToken::Signal TokenByToken::projected(const Signal& x, double gain, double bias, std::size_t width) const {
  Signal y;
  y.width = width;
  y.mean = VectorXd::Zero(length_);
  y.dots = (gain * x.dots).array() + bias;
  if (batched()) y.cross = (gain * x.cross).array() + bias;
  return fresh(std::move(y));
}

double TokenByToken::weight_gradient(const Signal& x, const Gradient& g, double fan_in, double fan_out) const {
  double sum = x.dots.cwiseProduct(g.dots).sum();
  if (batched()) sum += (network_.batch - 1) * x.cross.cwiseProduct(g.cross).sum();
  return network_.batch * fan_in * fan_out * sum;
}

TokenByToken::Signal TokenByToken::forward(const network::Linear& op, const Signal& x) const {
  return projected(x, static_cast<double>(op.in) * square(op.weight_std), square(op.bias_std), op.out);
}

TokenByToken::Gradient TokenByToken::backward(const network::Linear& op, const Signal& x, const Gradient& g,
                                              Norms& norms) const {
  const double out = static_cast<double>(op.out);
  norms[0] = weight_gradient(x, g, static_cast<double>(op.in), out);
  const double gain = out * square(op.weight_std);
  return fresh(Gradient{gain * g.dots, gain * g.cross, {}, {}});
}

TokenByToken::GateFactors TokenByToken::gate_factors(const network::GatedLinear& op, const Signal& x) const {
  const double in = static_cast<double>(op.in), bias = square(op.bias_std);
  return {projected(x, in * square(op.gate_std), bias, op.out), projected(x, in * square(op.weight_std), bias, op.out)};
}

TokenByToken::Signal TokenByToken::forward(const network::GatedLinear& op, const Signal& x) {
  const GateFactors factors = gate_factors(op, x);
  const ActivationPairs pairs(activations_, op.activation, factors.gate.mean, factors.gate.variance());
  Signal y = factors.value;
  y.dots.array() *= pairs.products(factors.gate.dots).array();
  if (batched()) y.cross.array() *= pairs.products(factors.gate.cross).array();
  return y;
}

TokenByToken::Gradient TokenByToken::backward(const network::GatedLinear& op, const Signal& x, const Gradient& g,
                                              Norms& norms) {
  const GateFactors factors = gate_factors(op, x);
  const ActivationPairs pairs(activations_, op.activation, factors.gate.mean, factors.gate.variance());
  Gradient at_gate, at_value;
  at_gate.dots = g.dots.cwiseProduct(factors.value.dots).cwiseProduct(pairs.derivatives(factors.gate.dots));
  at_value.dots = g.dots.cwiseProduct(pairs.products(factors.gate.dots));
  if (batched()) {
    at_gate.cross = g.cross.cwiseProduct(factors.value.cross).cwiseProduct(pairs.derivatives(factors.gate.cross));
    at_value.cross = g.cross.cwiseProduct(pairs.products(factors.gate.cross));
  }
  const double in = static_cast<double>(op.in), out = static_cast<double>(op.out);
  norms[0] = weight_gradient(x, at_gate, in, out);
  norms[1] = weight_gradient(x, at_value, in, out);
  const double gate = out * square(op.gate_std), value = out * square(op.weight_std);
  return fresh(Gradient{gate * at_gate.dots + value * at_value.dots, gate * at_gate.cross + value * at_value.cross, {}, {}});
}

TokenByToken::Signal TokenByToken::forward(const network::Activation& op, const Signal& x) {
  const ActivationPairs pairs(activations_, op.kind, x.mean, x.variance());
  Signal y;
  y.width = x.width;
  y.mean = pairs.means();
  y.dots = pairs.products(x.dots);
  if (batched()) y.cross = pairs.products(x.cross);
  return fresh(std::move(y));
}

TokenByToken::Gradient TokenByToken::backward(const network::Activation& op, const Signal& x, const Gradient& g,
                                              Norms&) {
  const ActivationPairs pairs(activations_, op.kind, x.mean, x.variance());
  Gradient back;
  back.dots = g.dots.cwiseProduct(pairs.derivatives(x.dots));
  if (batched()) back.cross = g.cross.cwiseProduct(pairs.derivatives(x.cross));
  return fresh(std::move(back));
}

TokenByToken::Signal TokenByToken::forward(const network::Dropout& op, const Signal& x) const {
  formula::require_drop_probability(op.probability);
  Signal y = x;
  y.dots.diagonal() /= 1 - op.probability;
  return fresh(std::move(y));
}

TokenByToken::Gradient TokenByToken::backward(const network::Dropout& op, const Signal&, const Gradient& g,
                                              Norms&) const {
  Gradient back = g;
  back.dots.diagonal() /= 1 - op.probability;
  return fresh(std::move(back));
}

// ---- norm ------------------------------------------------------------------------------------------------------------

TokenByToken::Signal TokenByToken::forward(const network::Norm& op, const Signal& x) const {
  const bool centres = op.kind == network::NormKind::layer_norm;
  const VectorXd mean = centres ? x.mean : VectorXd::Zero(length_);
  const VectorXd scale = x.dots.diagonal() - mean.cwiseAbs2();
  for (Index i = 0; i < length_; ++i)
    formula::require_positive(centres ? "LayerNorm input variance" : "RMSNorm input second moment", scale[i]);
  const VectorXd inverse = scale.cwiseSqrt().cwiseInverse();
  Signal y;
  y.width = x.width;
  y.mean = (x.mean - mean).cwiseProduct(inverse);
  const auto normalized = [&](const MatrixXd& dots) -> MatrixXd {
    return inverse.asDiagonal() * (dots - mean * mean.transpose()) * inverse.asDiagonal();
  };
  y.dots = normalized(x.dots);
  if (batched()) y.cross = normalized(x.cross);
  y.settled = VectorXd::Ones(length_);
  return y;
}

TokenByToken::Gradient TokenByToken::through_norm(network::NormKind kind, const Signal& x, std::size_t width,
                                                  const Gradient& g) const {
  const bool centres = kind == network::NormKind::layer_norm;
  const VectorXd scale = centres ? x.variance() : VectorXd(x.dots.diagonal());
  const VectorXd& centred = centres ? g.centred : x.settled;
  const double features = static_cast<double>(width);
  Gradient back;
  back.dots.resize(length_, length_);
  if (batched()) back.cross.resize(length_, length_);
  for (Index m = 0; m < length_; ++m) {
    for (Index i = m; i < length_; ++i) {
      const formula::NormShares<double> shares{(x.settled[i] + x.settled[m]) / 2, (centred[i] + centred[m]) / 2,
                                               (g.radial[i] + g.radial[m]) / 2};
      const double size = std::sqrt(scale[i] * scale[m]);
      const double r = formula::correlation(x.dots(i, m) - x.mean[i] * x.mean[m], size);
      const formula::Gradient<double> here{g.dots(i, m), g.dots(i, m), batched() ? g.cross(i, m) : 0};
      const formula::Gradient<double> in = formula::norm_backward(here, size, r, features, shares);
      back.dots(i, m) = i == m ? in.variance : in.covariance;
      if (batched()) back.cross(i, m) = in.cross_covariance;
    }
  }
  mirror(back.dots);
  if (batched()) mirror(back.cross);
  back.centred = centres ? VectorXd::Ones(length_) : g.centred;
  back.radial = VectorXd::Ones(length_);
  return back;
}

TokenByToken::Gradient TokenByToken::backward(const network::Norm& op, const Signal& x, const Gradient& g,
                                              Norms&) const {
  return through_norm(op.kind, x, op.width, g);
}

// ---- attention -------------------------------------------------------------------------------------------------------

CausalTables& TokenByToken::tables_of(const network::Attention& op) {
  const Kind kind{head_of(op), op.rotary_base.value_or(0), op.rotary_base ? op.rotary_width : 0};
  const auto [place, made] = tables_.try_emplace(kind, length_, kind.head);
  if (made && op.rotary_base) {
    place->second.rotary = std::make_shared<const RotaryField>(length_, static_cast<double>(op.head_width),
                                                               static_cast<double>(op.rotary_width), *op.rotary_base);
  }
  return place->second;
}

const CausalAttention& TokenByToken::attention(const network::Attention& op, const Signal& x) {
  const Shape shape = attention_shape<double>(op, network_.sequence_length);
  if (attention_ && attention_->scores().shape == shape && attention_->scores().x == x.dots) return *attention_;
  attention_.reset();
  CausalTables& tables = tables_of(op);
  CausalScores scores = causal_scores(x.dots, shape, tables);
  attention_ =
      prefix_ == Prefix::means ? prefix_means(std::move(scores)) : actual_prefixes(std::move(scores), tables.rows);
  return *attention_;
}

CrossAttention TokenByToken::cross_attention(const network::Attention& op, const Signal& x) {
  const auto made = cross_tables_.try_emplace(head_of(op), network_.sequence_length, head_of(op));
  Shape shape = attention_shape<double>(op, network_.sequence_length);
  shape.participation = memory_.cloud.participation;
  return CrossAttention(x.dots, x.cross, memory_.moments, shape, network_.batch, made.first->second);
}

/// The heads' outputs.
TokenByToken::Signal TokenByToken::heads(const network::Attention& op, const Signal& x) {
  if (op.cross) return cross_heads(op, x);
  const CausalAttention& attended = attention(op, x);
  const Shape& shape = attended.scores().shape;
  Signal z;
  z.dots = attended.mixed();
  if (batched()) z.cross = attended.mixed_across(x.cross);
  z = projected(z, attended.scores().value_gain(), shape.bias_variance, op.heads * op.head_width);
  z.dots.diagonal() += shape.bias_variance * shape.dropout / (1 - shape.dropout) * attended.scores().squares;
  return z;
}

TokenByToken::Signal TokenByToken::cross_heads(const network::Attention& op, const Signal& x) {
  const CrossAttention attended = cross_attention(op, x);
  Signal z;
  z.width = op.heads * op.head_width;
  z.mean = VectorXd::Zero(length_);
  z.dots = attended.output();
  if (batched()) z.cross = MatrixXd::Constant(length_, length_, attended.output_across());
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
    const CausalScores& scores = attention_->scores();
    const double varying = std::max(1.0, static_cast<double>(length_ - 1));
    metrics.score_variance = quantity(scores.variance.sum() / varying);
    set_entropy(metrics, scores.entropy.mean(), network_.sequence_length);
  }
  if (op.inner_norm) z = forward(network::Norm{*op.inner_norm, z.width}, z);
  return projected(z, static_cast<double>(z.width) * square(op.output_std), square(op.bias_std), x.width);
}

TokenByToken::Gradient TokenByToken::backward(const network::Attention& op, const Signal& x, const Gradient& g,
                                              Norms& norms) {
  const double width = static_cast<double>(op.width), fan = static_cast<double>(op.heads * op.head_width);
  const double output_gain = width * square(op.output_std);
  Gradient b = fresh(Gradient{output_gain * g.dots, output_gain * g.cross, {}, {}});
  const Signal z = heads(op, x);
  if (op.inner_norm) {
    norms[3] = weight_gradient(forward(network::Norm{*op.inner_norm, z.width}, z), g, fan, width);
    b = through_norm(*op.inner_norm, z, z.width, b);
  } else {
    norms[3] = weight_gradient(z, g, fan, width);
  }
  return op.cross ? cross_attention_backward(op, x, b, norms) : self_attention_backward(op, x, b, norms);
}

TokenByToken::Gradient TokenByToken::self_attention_backward(const network::Attention& op, const Signal& x,
                                                             const Gradient& b, Norms& norms) {
  const double fan = static_cast<double>(op.heads * op.head_width);
  const CausalAttention& attended = attention(op, x);
  const Shape& shape = attended.scores().shape;
  const CausalGradient back = attended.backward(b.dots);
  Gradient in;
  in.dots = fan * (shape.value_weight * back.value + shape.query_weight * back.query + shape.key_weight * back.key);
  double value = attended.mixed().cwiseProduct(b.dots).sum();
  double query = x.dots.cwiseProduct(back.query).sum();
  double key = back.key_weight;
  if (batched()) {
    const double others = network_.batch - 1;
    const CrossGradient across = attended.backward_across(b.cross, x.cross);
    in.cross = fan * (shape.value_weight * across.value + shape.query_weight * across.query);
    value += others * attended.mixed_across(x.cross).cwiseProduct(b.cross).sum();
    query += others * x.cross.cwiseProduct(across.query).sum();
    key += others * across.key_weight;
  }
  const double elements = network_.batch * static_cast<double>(op.width) * fan;
  norms[0] = elements * query;
  norms[1] = elements * key;
  norms[2] = elements * value;
  return fresh(std::move(in));
}

TokenByToken::Gradient TokenByToken::cross_attention_backward(const network::Attention& op, const Signal& x,
                                                              const Gradient& b, Norms& norms) {
  const double fan = static_cast<double>(op.heads * op.head_width);
  const CrossAttentionGradient back = cross_attention(op, x).backward(b.dots, b.cross);
  memory_gradient_ = formula::sum(memory_gradient_, back.memory);
  const double elements = network_.batch * static_cast<double>(op.width) * fan;
  norms[0] = elements * back.query_weight;
  norms[1] = elements * back.key_weight;
  norms[2] = elements * back.value_weight;
  const double gain = fan * square(op.query_std);
  return fresh(Gradient{gain * back.query, gain * back.query_across, {}, {}});
}

// ---- residual --------------------------------------------------------------------------------------------------------

TokenByToken::Sum TokenByToken::sum(const network::Residual& op, const Signal& x, const Signal& branch) const {
  const double a = square(op.skip), b = square(op.branch);
  const double both = op.skip * op.branch;
  const auto added = [&](const MatrixXd& of_skip, const MatrixXd& of_branch) -> MatrixXd {
    MatrixXd out = a * of_skip + b * of_branch;
    out += both * (x.mean * branch.mean.transpose() + branch.mean * x.mean.transpose());
    return out;
  };
  Signal sum;
  sum.width = x.width;
  sum.mean = op.skip * x.mean + op.branch * branch.mean;
  sum.dots = added(x.dots, branch.dots);
  if (batched()) sum.cross = added(x.cross, branch.cross);
  const VectorXd variance = sum.variance();
  const VectorXd skip_share =
      variance.binaryExpr(a * x.variance(), [](double all, double skip) { return all > 0 ? skip / all : 0.0; });
  sum.settled = op.skip == 0 ? branch.settled : VectorXd(skip_share.cwiseProduct(x.settled));
  return {std::move(sum), VectorXd::Ones(length_) - skip_share};
}

TokenByToken::Gradient TokenByToken::into_branch(const network::Residual& op, const Gradient& g) const {
  return fresh(Gradient{square(op.branch) * g.dots, square(op.branch) * g.cross, {}, {}});
}

TokenByToken::Gradient TokenByToken::sum(const network::Residual& op, const Gradient& g, const Gradient& branch,
                                         const VectorXd& branch_share) const {
  const double a = square(op.skip);
  Gradient sum{a * g.dots + branch.dots, a * g.cross + branch.cross, {}, {}};
  if (op.skip == 0) {
    sum.centred = branch.centred;
    sum.radial = branch.radial;
    return sum;
  }
  const VectorXd skip_share = sum.dots.diagonal().binaryExpr(
      a * g.dots.diagonal(), [](double all, double skip) { return all > 0 ? skip / all : 0.0; });
  sum.centred = g.centred.cwiseProduct(skip_share);
  const VectorXd skip_of_signal = VectorXd::Ones(length_) - branch_share;
  sum.radial = network::is_homogeneous(op.of)
                   ? g.radial
                   : VectorXd(g.radial.cwiseProduct(skip_share).cwiseProduct(skip_of_signal));
  return sum;
}

// ---- lists side by side, experts -------------------------------------------------------------------------------------

TokenByToken::Signal TokenByToken::add(const Signal&, const Signal& a, const Signal& b) const {
  Signal out = sum(network::Residual{}, a, b).signal;
  out.settled = weighted(a.settled, a.variance(), b.settled, b.variance());
  return out;
}

TokenByToken::Gradient TokenByToken::add(const Gradient& a, const Gradient& b) const {
  const VectorXd of_a = a.dots.diagonal(), of_b = b.dots.diagonal();
  return {a.dots + b.dots, a.cross + b.cross, weighted(a.centred, of_a, b.centred, of_b),
          weighted(a.radial, of_a, b.radial, of_b)};
}

TokenByToken::Signal TokenByToken::mean_of(const network::Experts& op, const Signal&, const Signal& y) const {
  const double count = static_cast<double>(op.count), chosen = static_cast<double>(op.chosen);
  const MatrixXd means = y.mean * y.mean.transpose();
  Signal out = y;
  out.dots = means + (y.dots - means) / count;
  out.dots.diagonal() = means.diagonal() + y.variance() / chosen;
  if (batched()) out.cross = means + (y.cross - means) / count;
  return fresh(std::move(out));
}

TokenByToken::Gradient TokenByToken::into_experts(const network::Experts& op, const Gradient& g) const {
  const double count = static_cast<double>(op.count), chosen = static_cast<double>(op.chosen);
  Gradient out{g.dots / count, g.cross / count, {}, {}};
  out.dots.diagonal() = g.dots.diagonal() / chosen;
  return fresh(std::move(out));
}

}  // namespace sigprop::predict
