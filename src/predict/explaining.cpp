// SPDX-License-Identifier: Apache-2.0
#include "predict/explaining.hpp"

#include <cmath>

#include "sigprop/scalar/expression.hpp"

namespace sigprop::predict {
namespace {

using scalar::Expression;

const char* name_of(network::ActivationKind kind) {
  using network::ActivationKind;
  switch (kind) {
    case ActivationKind::relu:
      return "ReLU";
    case ActivationKind::gelu:
      return "GELU";
    case ActivationKind::gelu_tanh:
      return "GELU (tanh form)";
    case ActivationKind::silu:
      return "SiLU";
    case ActivationKind::tanh:
      return "tanh";
    case ActivationKind::leaky_relu:
      return "leaky ReLU";
    case ActivationKind::squared_relu:
      return "squared ReLU";
    case ActivationKind::identity:
      break;
  }
  return "identity";
}

const char* name_of(network::NormKind kind) {
  return kind == network::NormKind::layer_norm ? "LayerNorm" : "RMSNorm";
}

/// Has it a closed form where its input's mean is 0?
bool has_closed_form(network::ActivationKind kind) {
  using network::ActivationKind;
  return kind == ActivationKind::relu || kind == ActivationKind::gelu || kind == ActivationKind::identity;
}

}  // namespace

Explaining::Explaining(const network::Network& layer, Theory theory, std::shared_ptr<Known<Expression>::Tables> tables,
                       const std::shared_ptr<Notebook>& notebook, std::vector<std::string> points,
                       std::vector<std::string> weights)
    : Base(layer, theory, std::move(tables), {notebook}),
      notebook_(notebook),
      paper_(theory == Theory::paper),
      points_(std::move(points)),
      weights_(std::move(weights)) {
  notebook_->name(&layer.sequence_length, Expression({"L", "L"}, layer.sequence_length));
  if (layer.batch > 1) notebook_->name(&layer.batch, Expression({"B", "B"}, layer.batch));
  notebook_->explain_everywhere("L", "tokens of a sequence");
  notebook_->explain_everywhere("B", "sequences of a batch");
}

// ---- ends ------------------------------------------------------------------------------------------------------------

void Explaining::begin_with(const Entering& x) {
  const auto shown = [](double value) { return Expression(value); };
  notebook_->begin(this, "x₀ enters", "");
  entering_ = arisen({{shown(x.moments.mean), shown(x.moments.variance), shown(x.moments.covariance),
                       shown(x.moments.cross_covariance)},
                      shown(x.settled),
                      shown(x.width),
                      {shown(x.cloud.participation), shown(x.cloud.linear)}});
}

void Explaining::begin_with(const network::Embedding& embedding) {
  notebook_->begin(&embedding, "x₀ = embedding", "embedding, embedding_token_match");
  deviation(embedding.std, "w", "w", "variance of a table's elements");
  entering_ = arisen(Base::source());
}

Explaining::Gradient Explaining::turned_back(const Signal& last, const Leaving& g) {
  notebook_->turn_back();
  notebook_->begin(this, "The gradient at " + shown(last), "");
  const auto shown = [](double value) { return Expression(value); };
  const formula::Gradient<Expression> moments{shown(g.moments.variance), shown(g.moments.covariance),
                                              shown(g.moments.cross_covariance)};
  ++readers_[number_of(last)];
  return taken({moments, shown(g.centred), shown(g.radial)}, number_of(last));
}

void Explaining::attend_to_memory(const Entering& memory) {
  notebook_->begin(&memory, "The encoder's output", "");
  const auto shown = [](double value) { return Expression(value); };
  const formula::Moments<double>& x = memory.moments;
  Base::attend_to({notes().noted("m", formula::Moments<Expression>{shown(x.mean), shown(x.variance),
                                                                   shown(x.covariance), shown(x.cross_covariance)}),
                   Expression(0),
                   shown(memory.width),
                   {Notebook::only_named({"s_m", "s_m"}, shown(memory.cloud.participation)), Expression(1)}});
  notebook_->explain_everywhere("s_m", "participation of the encoder's output");
}

void Explaining::note_memory_gradient() {
  if (memory_gradient().variance.sample() == 0) return;
  notebook_->begin(&memory_gradient(), "back to the encoder's output, from this layer", "attention_backward");
  static_cast<void>(notes().noted("m", memory_gradient()));
}

profile::Forward Explaining::profile_of(const Signal&, const std::size_t&) {
  // The walk's first place is its beginning.
  if (next_point_ > 0) notebook_->reach(points_.at(next_point_ - 1));
  ++next_point_;
  return {};
}

// ---- numbers of signals ----------------------------------------------------------------------------------------------

Explaining::Signal Explaining::arisen(const Signal& x) {
  const std::size_t number = signals_++;
  const std::string index = std::to_string(number);
  Signal out = x;
  out.moments = notes().noted(index.c_str(), x.moments);
  if (out.moments.variance.sample() == 0) out.moments.variance = Expression(indexed("σ", "\\sigma", index, true), 0);
  numbers_[out.moments.variance.key()] = number;
  const auto share = [&](const char* name, const Expression& value, const char* meaning) {
    const scalar::Symbol symbol = indexed(name, name, index);
    notebook_->explain_everywhere(symbol.text, meaning);
    return Notebook::only_named(symbol, value);
  };
  out.settled = share("a", x.settled, "share of the variance that passed a norm and only residual sums since");
  out.cloud.participation =
      share("s", x.cloud.participation, "participation of the tokens' spread, 1/width if isotropic");
  out.cloud.linear = Expression(x.cloud.linear.sample());
  out.width = Expression(x.width.sample());
  return out;
}

Explaining::Gradient Explaining::taken(const Gradient& g, std::size_t number) {
  const std::size_t still = readers_[number] - ++gradients_[number];
  std::string index = std::to_string(number);
  for (std::size_t i = 0; i < still; ++i) index += "'";
  Gradient out;
  out.moments = notes().noted(index.c_str(), g.moments);
  if (out.moments.variance.sample() == 0) out.moments.variance = Expression(indexed("γ", "\\gamma", index, true), 0);
  numbers_[out.moments.variance.key()] = number;
  const auto share = [&](const char* text, const char* latex, const Expression& value, const char* meaning) {
    const scalar::Symbol symbol = indexed(text, latex, index);
    notebook_->explain_everywhere(symbol.text, meaning);
    return Notebook::only_named(symbol, value);
  };
  out.centred =
      share("c", "c", g.centred, "share of the gradient's variance orthogonal to the features' common direction");
  out.radial = share("ρ", "\\rho", g.radial, "share of the gradient's variance orthogonal to the normalized signal");
  return out;
}

Explaining::Signal Explaining::by_correlation(const Signal& x) const {
  const formula::Moments<Expression>& m = x.moments;
  const std::string index = std::to_string(number_of(x));
  const auto through = [&](const char* text, const char* latex, const Expression& covariance, bool across) {
    return notebook_->note(indexed(text, latex, index), formula::correlation(covariance, m.variance), across) *
           m.variance;
  };
  Signal out = x;
  out.moments.covariance = through("r", "r", m.covariance, false);
  out.moments.cross_covariance = through("r×", "r^\\times", m.cross_covariance, true);
  return out;
}

// ---- forward ---------------------------------------------------------------------------------------------------------

Explaining::Signal Explaining::forward(const network::Attention& op, const Signal& x,
                                       profile::AttentionMetrics& metrics) {
  begin(op, x);
  return arisen(Base::forward(op, x, metrics));
}

Explaining::Signal Explaining::mean_of(const network::Experts& op, const Signal& x, const Signal& y) {
  ++readers_[number_of(y)];
  branch_ends_.push_back(number_of(y));
  notebook_->begin(&op, next() + " = mean of the experts that a token takes, each " + shown(y), "experts");
  name_numbers(op);
  return arisen(Base::mean_of(op, x, y));
}

Explaining::Signal Explaining::add(const Signal& x, const Signal& a, const Signal& b) {
  ++readers_[number_of(x)];
  notebook_->begin(this, next() + " = " + shown(a) + " + " + shown(b), "");
  return arisen(Base::add(x, a, b));
}

Explaining::Sum Explaining::sum(const network::Residual& op, const Signal& x, const Signal& branch) {
  ++readers_[number_of(x)];
  ++readers_[number_of(branch)];
  branch_ends_.push_back(number_of(branch));
  const bool gain = op.skip == 0 && op.of.size() == 1 && std::holds_alternative<network::Norm>(op.of.front().op);
  std::string right;
  const auto add_scaled = [&](double scale, const char* name, const std::string& what) {
    if (scale == 0) return;
    right += (right.empty() ? "" : " + ") + (scale == 1 ? what : name + (" " + what));
  };
  add_scaled(op.skip, "λ", shown(x));
  add_scaled(op.branch, gain ? "gain" : "β", shown(branch));
  notebook_->begin(&op, next() + " = " + (right.empty() ? "0" : right), "residual");
  name_numbers(op);
  const Sum out = Base::sum(op, x, branch);
  return {arisen(out.signal), Expression(out.branch_share.sample())};
}

// ---- backward --------------------------------------------------------------------------------------------------------

Explaining::Gradient Explaining::into_experts(const network::Experts& op, const Gradient& g) {
  notebook_->begin(&op, "into the experts, at x" + lowered(std::to_string(branch_ends_.back())), "experts");
  name_numbers(op);
  const Gradient out = taken(Base::into_experts(op, g), branch_ends_.back());
  branch_ends_.pop_back();
  return out;
}

Explaining::Gradient Explaining::add(const Gradient& a, const Gradient& b) {
  notebook_->begin(this, "both, back to x" + lowered(std::to_string(number_of(a))), "");
  return taken(Base::add(a, b), number_of(a));
}

Explaining::Gradient Explaining::into_branch(const network::Residual& op, const Gradient& g) {
  notebook_->begin(&op, "into the branch, at x" + lowered(std::to_string(branch_ends_.back())), "residual");
  name_numbers(op);
  const Gradient out = taken(Base::into_branch(op, g), branch_ends_.back());
  branch_ends_.pop_back();
  return out;
}

Explaining::Gradient Explaining::sum(const network::Residual& op, const Gradient& g, const Gradient& branch,
                                     const Expression& branch_share) {
  notebook_->begin(&op, "skip and branch together, back to x" + lowered(std::to_string(number_of(branch))), "residual");
  name_numbers(op);
  return taken(Base::sum(op, g, branch, branch_share), number_of(branch));
}

void Explaining::note_norms(const SquaredNorms<Expression>& norms, std::size_t weights) {
  const std::size_t first = weights_.size() - weights;
  for (std::size_t i = 0; i < weights; ++i) {
    if (!norms[i]) continue;
    const std::string& name = weights_[first + i];
    std::string latex;
    for (const char c : name) latex += c == '_' ? std::string("\\_") : std::string(1, c);
    const std::string weight = "\\|\\partial W_{\\mathrm{" + latex + "}}\\|";
    const Expression squared = notebook_->note({"E‖∂W_" + name + "‖²", "\\mathrm{E}" + weight + "^2"}, *norms[i]);
    static_cast<void>(notebook_->note({"‖∂W_" + name + "‖", weight}, sqrt(squared)));
  }
  weights_.resize(first);
}

// ---- what a step is called -------------------------------------------------------------------------------------------

std::string Explaining::title(const network::Linear& op) {
  return op.name;
}

std::string Explaining::title(const network::GatedLinear& op) {
  return std::string("gated linear map with ") + name_of(op.activation);
}

std::string Explaining::title(const network::Activation& op) {
  return name_of(op.kind);
}

std::string Explaining::title(const network::Norm& op) {
  return name_of(op.kind);
}

std::string Explaining::title(const network::Attention& op) {
  return op.cross ? "cross-attention" : "attention";
}

std::string Explaining::joined(const Names& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

Explaining::Names Explaining::formulas_of(const network::Activation& op) const {
  using network::ActivationKind;
  if (!has_closed_form(op.kind)) return {"activation"};
  if (op.kind == ActivationKind::identity) return {};
  return {op.kind == ActivationKind::relu ? "relu" : "gelu"};
}

Explaining::Names Explaining::formulas_of(const network::GatedLinear& op) const {
  Names out{"linear"};
  for (const std::string& name : formulas_of(network::Activation{op.activation})) out.push_back(name);
  out.emplace_back("gated");
  return out;
}

Explaining::Names Explaining::backward_formulas_of(const network::GatedLinear& op) const {
  Names out = formulas_of(op);
  out.emplace_back("weight_gradient");
  return out;
}

std::string Explaining::norm_formula(network::NormKind kind) const {
  if (kind == network::NormKind::rms_norm) return "rms_norm";
  return paper_ ? "layer_norm_paper" : "layer_norm";
}

std::string Explaining::norm_backward_formula(network::NormKind kind) const {
  return paper_ && kind == network::NormKind::layer_norm ? "layer_norm_paper" : "norm_backward";
}

Explaining::Names Explaining::formulas_of(const network::Attention& op) const {
  if (paper_) return {"attention_scores", "attention_paper_forward", "linear"};
  Names out;
  if (op.rotary_base) out.emplace_back("rotary_means");
  out.emplace_back("attention_scores");
  for (const char* row_or_pair : {"softmax_row_", "softmax_pair_"})
    out.push_back(row_or_pair + std::string(op.query_key_norm ? "normalized" : "head_width"));
  out.emplace_back("attention_forward");
  if (op.inner_norm) out.push_back(norm_formula(*op.inner_norm));
  out.emplace_back("linear");
  return out;
}

Explaining::Names Explaining::backward_formulas_of(const network::Attention& op) const {
  Names out{"linear"};
  if (op.inner_norm) out.push_back(norm_backward_formula(*op.inner_norm));
  out.emplace_back(paper_ ? "attention_paper_backward" : "attention_backward");
  out.emplace_back("weight_gradient");
  return out;
}

// ---- the numbers of the model ----------------------------------------------------------------------------------------

void Explaining::size(const std::size_t& n, const char* text, const char* latex, const char* meaning) {
  notebook_->name(&n, Expression({text, latex}, static_cast<double>(n)));
  notebook_->explain(text, meaning);
}

void Explaining::deviation(const double& std, const char* text, const char* latex, const char* meaning) {
  if (std == 0) return;
  notebook_->name(&std, sqrt(Expression({text, latex}, std * std)));
  notebook_->explain(text, meaning);
}

void Explaining::factor(const double& x, const char* text, const char* latex, const char* meaning) {
  notebook_->name(&x, Notebook::only_named({text, latex, x > 0}, Expression(x)));
  notebook_->explain(text, meaning);
}

void Explaining::name_numbers(const network::Linear& op) {
  size(op.in, "d_in", "d_{in}", "inputs");
  size(op.out, "d_out", "d_{out}", "outputs");
  deviation(op.weight_std, "w", "w", "variance of the weights");
  deviation(op.bias_std, "b", "b", "variance of the biases");
}

void Explaining::name_numbers(const network::GatedLinear& op) {
  size(op.in, "d_in", "d_{in}", "inputs");
  size(op.out, "d_out", "d_{out}", "outputs");
  deviation(op.gate_std, "w_g", "w_g", "variance of the gate's weights");
  deviation(op.weight_std, "w_v", "w_v", "variance of the value's weights");
  deviation(op.bias_std, "b", "b", "variance of the biases");
}

void Explaining::name_numbers(const network::Dropout& op) {
  factor(op.probability, "p", "p", "probability that an element is dropped");
}

void Explaining::name_numbers(const network::Norm& op) {
  size(op.width, "D", "D", "width");
}

void Explaining::name_numbers(const network::Attention& op) {
  size(op.width, "d", "d", "width");
  size(op.heads, "H", "H", "heads");
  size(op.head_width, "k", "k", "head width");
  deviation(op.query_std, "w_q", "w_q", "variance of the query weights");
  deviation(op.key_std, "w_k", "w_k", "variance of the key weights");
  deviation(op.value_std, "w_v", "w_v", "variance of the value weights");
  deviation(op.output_std, "w_o", "w_o", "variance of the output projection's weights");
  deviation(op.bias_std, "b", "b", "variance of the biases");
  factor(op.dropout, "p", "p", "probability that an element of the softmax matrix is dropped");
  const Expression width = *notebook_->named(&op.head_width);
  const double usual = 1 / std::sqrt(static_cast<double>(op.head_width));
  if (std::abs(op.score_scale - usual) <= 1e-12 * usual) {
    notebook_->name(&op.score_scale, Expression(1) / sqrt(width));
  } else {
    factor(op.score_scale, "scale", "\\mathrm{scale}", "factor on q·k");
  }
}

void Explaining::name_numbers(const network::Residual& op) {
  factor(op.skip, "λ", "\\lambda", "skip scale");
  factor(op.branch, "β", "\\beta", "branch scale");
}

void Explaining::name_numbers(const network::Experts& op) {
  size(op.count, "E", "E", "experts");
  size(op.chosen, "k", "k", "experts of a token");
}

}  // namespace sigprop::predict
