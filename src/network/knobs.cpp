// SPDX-License-Identifier: Apache-2.0
#include "sigprop/network/knobs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sigprop/network/outline.hpp"

namespace sigprop::network {
namespace {

class Collector {
 public:
  void number(const std::string& name, double& x) { knob(name).numbers.push_back(&x); }
  void size(const std::string& name, std::size_t& n) { whole(name).sizes.push_back(&n); }
  void size(const std::string& name, double& n) { whole(name).numbers.push_back(&n); }

  std::vector<Knob> knobs;

 private:
  Knob& whole(const std::string& name) {
    Knob& out = knob(name);
    out.whole = true;
    return out;
  }

  Knob& knob(const std::string& name) {
    const auto found = std::find_if(knobs.begin(), knobs.end(), [&](const Knob& k) { return k.name == name; });
    if (found != knobs.end()) return *found;
    return knobs.emplace_back(Knob{name, {}, {}, false});
  }
};

/// Widths have names where the list is that of a stack: all linear maps lead to a feed-forward network's width and back.
bool is_stack(const std::vector<Component>& list) {
  bool named = true, any = false;
  for_each_component(list, [&](const Component& component) {
    const auto* linear = std::get_if<Linear>(&component.op);
    if (linear != nullptr) named = named && (linear->name == "ffn_in" || linear->name == "ffn_out");
    any = any || (linear != nullptr && linear->name == "ffn_out");
  });
  return named && any;
}

/// One list of components after another, in the order of the forward pass.
class Visitor {
 public:
  Visitor(Collector& knobs, std::string stack, bool widths)
      : knobs_(knobs), stack_(std::move(stack)), widths_(widths) {}

  void visit(std::vector<Component>& list) {
    for (Component& component : list) std::visit([this](auto& op) { (*this)(op); }, component.op);
  }

 private:
  void operator()(Linear& op) {
    deviations(op);
    bias(op.bias_std, op.name);
    width(op.in);
    hidden_ = op.name == "ffn_in";
    width(op.out);
  }

  void operator()(GatedLinear& op) {
    deviations(op);
    bias(op.bias_std, "ffn_in");
    width(op.in);
    hidden_ = true;
    width(op.out);
  }

  void operator()(Activation&) {}
  void operator()(Dropout& op) { knobs_.number(stack_ + (inside_ ? "residual.dropout" : "dropout"), op.probability); }
  void operator()(Norm& op) { width(op.width); }

  void operator()(Attention& op) {
    const std::string attention = stack_ + (op.cross ? "cross_attention." : "attention.");
    deviations(op);
    bias(op.bias_std, "query");
    knobs_.number(attention + "dropout", op.dropout);
    knobs_.number(attention + "score_scale", op.score_scale);
    if (op.rotary_base) knobs_.number(attention + "rotary_base", *op.rotary_base);
    width(op.width);
    if (!widths_) return;
    knobs_.size(attention + "heads", op.heads);
    knobs_.size(attention + "head_width", op.head_width);
  }

  void operator()(Residual& op) {
    if (op.skip == 0 && op.of.size() == 1 && std::holds_alternative<Norm>(op.of.front().op)) {
      knobs_.number(stack_ + "norm.gain", op.branch);  // how a stack has it
    } else {
      knobs_.number(stack_ + "residual.skip", op.skip);
      knobs_.number(stack_ + "residual.branch", op.branch);
    }
    const bool before = inside_;
    inside_ = true;
    visit(op.of);
    inside_ = before;
  }

  void operator()(Repeat& op) { visit(op.of); }
  void operator()(Parallel& op) {
    for (std::vector<Component>& list : op.of) visit(list);
  }
  void operator()(Experts& op) {
    if (widths_) {
      knobs_.size(stack_ + "ffn.experts", op.count);
      knobs_.size(stack_ + "ffn.top_k", op.chosen);
    }
    visit(op.of);
  }

  template <class Op>
  void deviations(Op& op) {
    for (const WeightSlot<Op>& slot : weight_slots(std::as_const(op)))
      knobs_.number("init.std." + std::string(slot.name), op.*slot.std);
  }

  void bias(double& std, const std::string& weight) {
    knobs_.number(weight == "ffn_out" ? "init.std.ffn_out_bias" : "init.std.bias", std);
  }

  void width(std::size_t& n) {
    if (widths_) knobs_.size(hidden_ ? stack_ + "ffn.width" : "width", n);
  }

  Collector& knobs_;
  std::string stack_;
  bool widths_;
  bool hidden_ = false;  ///< the signal has the width of a feed-forward network
  bool inside_ = false;  ///< of a residual branch
};

void add_source(Network& network, Collector& knobs) {
  if (auto* embedding = std::get_if<Embedding>(&network.source)) {
    knobs.number("init.std.embedding", embedding->std);
    if (embedding->token) knobs.size("input.embedding.vocabulary", embedding->vocabulary);
    return;
  }
  auto& given = std::get<GivenInput>(network.source);
  knobs.number("input.mean", given.mean);
  knobs.number("input.variance", given.variance);
  knobs.number("input.token_correlation", given.token_correlation);
}

}  // namespace

double Knob::lowest() const {
  double out = std::numeric_limits<double>::infinity();
  for (const double* x : numbers) out = std::min(out, *x);
  for (const std::size_t* n : sizes) out = std::min(out, static_cast<double>(*n));
  return out;
}

double Knob::highest() const {
  double out = -std::numeric_limits<double>::infinity();
  for (const double* x : numbers) out = std::max(out, *x);
  for (const std::size_t* n : sizes) out = std::max(out, static_cast<double>(*n));
  return out;
}

std::vector<Knob> knobs_of(Network& network) {
  const bool two_stacks = !network.encoder.empty();
  const bool widths = is_stack(network.body) && (!two_stacks || is_stack(network.encoder));
  Collector knobs;
  knobs.size("sequence_length", network.sequence_length);
  knobs.size("batch", network.batch);
  if (widths) knobs.size("width", network.width);
  add_source(network, knobs);
  Visitor(knobs, "input.embedding.", false).visit(network.input);
  Visitor(knobs, two_stacks ? "encoder." : "", widths).visit(two_stacks ? network.encoder : network.body);
  if (two_stacks) Visitor(knobs, "decoder.", widths).visit(network.body);
  knobs.number("gradient.variance", network.gradient_variance);
  knobs.number("gradient.token_correlation", network.gradient_token_correlation);
  if (network.batch > 1) knobs.number("gradient.cross_correlation", network.gradient_cross_correlation);
  return std::move(knobs.knobs);
}

}  // namespace sigprop::network
