// SPDX-License-Identifier: Apache-2.0
// What an explanation calls components, formulas and the numbers of a model.
#include <cmath>

#include "predict/explain/explaining.hpp"

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
    case ActivationKind::quick_gelu:
      return "quick GELU";
    case ActivationKind::mish:
      return "Mish";
    case ActivationKind::softplus:
      return "softplus";
    case ActivationKind::sigmoid:
      return "sigmoid";
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

std::string Explaining::title(const Linear& op) {
  return op.name;
}

std::string Explaining::title(const GatedLinear& op) {
  return std::string("gated linear map with ") + name_of(op.activation);
}

std::string Explaining::title(const network::Activation& op) {
  return name_of(op.kind);
}

std::string Explaining::title(const Norm& op) {
  return name_of(op.kind);
}

std::string Explaining::title(const Attention& op) {
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

Explaining::Names Explaining::formulas_of(const GatedLinear& op) const {
  Names out{"linear"};
  for (const std::string& name : formulas_of(network::Activation{op.activation})) out.push_back(name);
  out.emplace_back("gated");
  return out;
}

Explaining::Names Explaining::backward_formulas_of(const GatedLinear& op) const {
  Names out = formulas_of(op);
  out.emplace_back("weight_gradient");
  return out;
}

std::string Explaining::norm_formula(network::NormKind kind) const {
  if (kind == network::NormKind::rms_norm) return "rms_norm";
  return is_paper() ? "layer_norm_paper" : "layer_norm";
}

std::string Explaining::norm_backward_formula(network::NormKind kind) const {
  return is_paper() && kind == network::NormKind::layer_norm ? "layer_norm_paper" : "norm_backward";
}

Explaining::Names Explaining::formulas_of(const Attention& op) const {
  if (is_paper()) return {"attention_scores", "attention_paper_forward", "linear"};
  Names out;
  if (op.rotary_base) out.emplace_back("rotary_means");
  out.emplace_back("attention_scores");
  for (const char* row_or_pair : {"softmax_row_", "softmax_pair_"})
    out.push_back(row_or_pair + std::string(head_of(op).normalized ? "normalized" : "head_width"));
  out.emplace_back("attention_forward");
  if (op.inner_norm) out.push_back(norm_formula(*op.inner_norm));
  out.emplace_back("linear");
  return out;
}

Explaining::Names Explaining::backward_formulas_of(const Attention& op) const {
  Names out{"linear"};
  if (op.inner_norm) out.push_back(norm_backward_formula(*op.inner_norm));
  out.emplace_back(is_paper() ? "attention_paper_backward" : "attention_backward");
  out.emplace_back("weight_gradient");
  return out;
}

// ---- the numbers of the model ------------------------------------------------------------------------------------

namespace {

/// Puts symbols in the place of a component's numbers.
struct SetSymbols {
  /// A size.
  void size(Expression& n, const char* text, const char* latex, const char*) const {
    n = Expression({text, latex}, n.sample());
  }
  /// A standard deviation, such that its square is the variance w; 0 where that is less than every
  /// double above 0.
  void deviation(Expression& std, const char* text, const char* latex, const char*) const {
    const double variance = std.sample() * std.sample();
    std = variance != 0 ? sqrt(Expression({text, latex}, variance)) : Expression(0);
  }
  void factor(Expression& x, const char* text, const char* latex, const char*) const {
    x = Notebook::only_named({text, latex, x.sample() > 0}, x);
  }
};

/// Explains the same symbols.
struct ExplainSymbols {
  Notebook& notebook;

  void size(const Expression&, const char* text, const char*, const char* meaning) const {
    notebook.explain(text, meaning);
  }
  void deviation(const Expression& std, const char* text, const char*, const char* meaning) const {
    if (std.sample() != 0) notebook.explain(text, meaning);
  }
  void factor(const Expression&, const char* text, const char*, const char* meaning) const {
    notebook.explain(text, meaning);
  }
};

/// The number under a symbol: a plain number of that value.
double usual_scale(const AttentionOp<Expression>& op) {
  return 1 / std::sqrt(op.head_width.sample());
}

bool has_usual_scale(const AttentionOp<Expression>& op) {
  return std::abs(op.score_scale.sample() - usual_scale(op)) <= 1e-12 * usual_scale(op);
}

/// The symbols of a component's numbers. Op is const or not as Visit needs it.
template <class Op, class Visit>
void for_each_symbol(Op& op, const Visit& visit) {
  using Plain = std::remove_const_t<Op>;
  if constexpr (std::is_same_v<Plain, network::BasicLinear<Expression, Expression>>) {
    visit.size(op.in, "d_in", "d_{in}", "inputs");
    visit.size(op.out, "d_out", "d_{out}", "outputs");
    visit.deviation(op.weight_std, "w", "w", "variance of the weights");
    visit.deviation(op.bias_std, "b", "b", "variance of the biases");
  } else if constexpr (std::is_same_v<Plain, network::BasicGatedLinear<Expression, Expression>>) {
    visit.size(op.in, "d_in", "d_{in}", "inputs");
    visit.size(op.out, "d_out", "d_{out}", "outputs");
    visit.deviation(op.gate_std, "w_g", "w_g", "variance of the gate's weights");
    visit.deviation(op.weight_std, "w_v", "w_v", "variance of the value's weights");
    visit.deviation(op.bias_std, "b", "b", "variance of the biases");
  } else if constexpr (std::is_same_v<Plain, network::BasicDropout<Expression>>) {
    visit.factor(op.probability, "p", "p", "probability that an element is dropped");
  } else if constexpr (std::is_same_v<Plain, network::BasicNorm<Expression, Expression>>) {
    visit.size(op.width, "D", "D", "width");
    if (op.epsilon.sample() > 0) visit.factor(op.epsilon, "ε", "\\epsilon", "added to the variance under the root");
  } else if constexpr (std::is_same_v<Plain, AttentionOp<Expression>>) {
    visit.size(op.width, "d", "d", "width");
    visit.size(op.heads, "H", "H", "heads");
    visit.size(op.head_width, "k", "k", "head width");
    visit.deviation(op.query_std, "w_q", "w_q", "variance of the query weights");
    visit.deviation(op.key_std, "w_k", "w_k", "variance of the key weights");
    visit.deviation(op.value_std, "w_v", "w_v", "variance of the value weights");
    visit.deviation(op.output_std, "w_o", "w_o", "variance of the output projection's weights");
    visit.deviation(op.bias_std, "b", "b", "variance of the biases");
    visit.factor(op.dropout, "p", "p", "probability that an element of the softmax matrix is dropped");
    if (!has_usual_scale(op)) visit.factor(op.score_scale, "scale", "\\mathrm{scale}", "factor on q·k");
  } else if constexpr (std::is_same_v<Plain, network::BasicResidual<Expression, Expression>>) {
    visit.factor(op.skip, "λ", "\\lambda", "skip scale");
    visit.factor(op.branch, "β", "\\beta", "branch scale");
  } else if constexpr (std::is_same_v<Plain, network::BasicExperts<Expression, Expression>>) {
    visit.size(op.count, "E", "E", "experts");
    visit.size(op.chosen, "k", "k", "experts of a token");
    if (op.has_router()) {
      visit.size(op.width, "d", "d", "width");
      visit.deviation(op.router_std, "w_r", "w_r", "variance of the router's weights");
    }
  } else if constexpr (std::is_same_v<Plain, network::BasicEmbedding<Expression, Expression>>) {
    visit.deviation(op.token.std, "w_t", "w_t", "variance of the token table's elements");
    visit.deviation(op.position.std, "w_p", "w_p", "variance of the position table's elements");
    visit.deviation(op.segment.std, "w_s", "w_s", "variance of the segment table's elements");
  } else {
    constexpr bool has_none = std::is_same_v<Plain, network::Activation> || requires {
      op.of;
    };
    static_assert(has_none, "the numbers of a new component need symbols");
  }
}

}  // namespace

template <class Op>
void Explaining::explain_numbers(const Op& op) const {
  for_each_symbol(op, ExplainSymbols{*notebook_});
}

template void Explaining::explain_numbers(const network::BasicLinear<Expression, Expression>&) const;
template void Explaining::explain_numbers(const network::BasicGatedLinear<Expression, Expression>&) const;
template void Explaining::explain_numbers(const network::Activation&) const;
template void Explaining::explain_numbers(const network::BasicDropout<Expression>&) const;
template void Explaining::explain_numbers(const network::BasicNorm<Expression, Expression>&) const;
template void Explaining::explain_numbers(const AttentionOp<Expression>&) const;
template void Explaining::explain_numbers(const network::BasicResidual<Expression, Expression>&) const;
template void Explaining::explain_numbers(const network::BasicExperts<Expression, Expression>&) const;
template void Explaining::explain_numbers(const network::BasicEmbedding<Expression, Expression>&) const;

network::Lifted<Expression> named(const network::Network& network, Notebook& notebook) {
  network::Lifted<Expression> out = network::lifted<Expression>(network);
  out.sequence_length = Expression({"L", "L"}, network.length());
  if (network.batch > 1) out.batch = Expression({"B", "B"}, network.batch_size());
  notebook.explain_everywhere("L", "tokens of a sequence");
  notebook.explain_everywhere("B", "sequences of a batch");
  for (auto* list : {&out.input, &out.body}) {
    network::for_each_component(*list, [](auto& component) {
      std::visit(
          [](auto& op) {
            if constexpr (requires { op.epsilon; }) {
              constexpr double unseen = 1e-11;  // beside a variance that is worth a norm, in no digit that is printed
              if (op.epsilon.sample() < unseen) op.epsilon = Expression(0);
            }
            for_each_symbol(op, SetSymbols{});
            if constexpr (requires { op.score_scale; }) {
              if (has_usual_scale(op)) op.score_scale = Expression(1) / sqrt(op.head_width);
            }
          },
          component.op);
    });
  }
  if (auto* embedding = std::get_if<network::BasicEmbedding<Expression, Expression>>(&out.source))
    for_each_symbol(*embedding, SetSymbols{});
  return out;
}

}  // namespace sigprop::predict
