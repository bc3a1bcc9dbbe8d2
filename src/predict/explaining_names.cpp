// SPDX-License-Identifier: Apache-2.0
// What an explanation calls components, formulas and the numbers of a model.
#include <cmath>

#include "predict/explaining.hpp"

namespace sigprop::predict {
namespace {

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

using scalar::Expression;

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
