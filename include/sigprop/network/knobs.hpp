// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "sigprop/network/outline.hpp"

namespace sigprop::network {

/// A number of a model that can be varied in all components that have it, every layer's among them.
struct Knob {
  /// As in a spec, without the stack: "residual.branch", "init.std.query", "width"; for one of two
  /// stacks "decoder.residual.branch".
  std::string name;
  bool whole = false;  ///< a size or a count
  double lowest = 0;   ///< over the components that have it: the same as `highest` unless layers differ
  double highest = 0;

  /// A knob that is 0 everywhere is varied by adding to it, any other by a common factor.
  [[nodiscard]] bool is_zero() const { return lowest == 0 && highest == 0; }
};

/// The knobs of a network: standard deviations of weights, residual scales, dropout, widths,
/// sequence length, batch and vocabulary, moments of the input and of the loss gradient. Widths are
/// knobs only in a stack, where their names are known.
[[nodiscard]] std::vector<Knob> knobs_of(const Network& network);

/// True if all linear maps of the list lead to the width of a feed-forward network and back, as in
/// a stack.
template <class Size, class Real>
[[nodiscard]] bool is_stack(const std::vector<BasicComponent<Size, Real>>& list) {
  bool named = true, any = false;
  for_each_component(list, [&](const auto& component) {
    const auto* linear = std::get_if<BasicLinear<Size, Real>>(&component.op);
    if (linear != nullptr) named = named && (linear->name == "ffn_in" || linear->name == "ffn_out");
    any = any || (linear != nullptr && linear->name == "ffn_out");
  });
  return named && any;
}

/// Calls visit.number(knob, x) for every number of a list of components and visit.size(knob, n) for
/// every size, in the order of the forward pass.
template <class Size, class Real, class Visit>
class NumbersOfComponents {
 public:
  using List = std::vector<BasicComponent<Size, Real>>;

  NumbersOfComponents(Visit& visit, std::string stack, bool widths)
      : visit_(visit), stack_(std::move(stack)), widths_(widths) {}

  void operator()(List& list) {
    for (auto& component : list) std::visit([this](auto& op) { (*this)(op); }, component.op);
  }

 private:
  void operator()(BasicLinear<Size, Real>& op) {
    deviations(op);
    bias(op.bias_std, op.name);
    width(op.in);
    hidden_ = op.name == "ffn_in";
    width(op.out);
  }

  void operator()(BasicGatedLinear<Size, Real>& op) {
    deviations(op);
    bias(op.bias_std, "ffn_in");
    width(op.in);
    hidden_ = true;
    width(op.out);
  }

  void operator()(Activation&) {}
  void operator()(BasicDropout<Real>& op) {
    const char* name = widths_ && hidden_ ? "ffn.dropout" : in_branch_ ? "residual.dropout" : "dropout";
    visit_.number(stack_ + name, op.probability);
  }
  void operator()(BasicNorm<Size, Real>& op) { width(op.width); }

  void operator()(BasicAttention<Size, Real>& op) {
    const std::string attention = stack_ + (op.cross ? "cross_attention." : "attention.");
    deviations(op);
    bias(op.bias_std, "query");
    visit_.number(attention + "dropout", op.dropout);
    visit_.number(attention + "score_scale", op.score_scale);
    if (op.rotary_base) visit_.number(attention + "rotary_base", *op.rotary_base);
    width(op.width);
    if (!widths_) return;
    visit_.size(attention + "heads", op.heads);
    visit_.size(attention + "head_width", op.head_width);
  }

  void operator()(BasicResidual<Size, Real>& op) {
    if (op.skip == Real(0) && op.of.size() == 1 && std::holds_alternative<BasicNorm<Size, Real>>(op.of.front().op)) {
      visit_.number(stack_ + "norm.gain", op.branch);  // how a stack has it
    } else {
      visit_.number(stack_ + "residual.skip", op.skip);
      visit_.number(stack_ + "residual.branch", op.branch);
    }
    const bool before = in_branch_;
    in_branch_ = true;
    (*this)(op.of);
    in_branch_ = before;
  }

  void operator()(BasicRepeat<Size, Real>& op) { (*this)(op.of); }
  void operator()(BasicParallel<Size, Real>& op) {
    for (List& list : op.of) (*this)(list);
  }
  void operator()(BasicExperts<Size, Real>& op) {
    if (widths_) {
      visit_.size(stack_ + "ffn.experts", op.count);
      visit_.size(stack_ + "ffn.top_k", op.chosen);
    }
    // At 0 there is no router, and what is drawn with little is not near it.
    if (op.has_router()) {
      visit_.number(stack_ + "ffn.router_std", op.router_std);
      width(op.width);
    }
    (*this)(op.of);
  }

  template <class Op>
  void deviations(Op& op) {
    for (const auto& slot : weight_slots(std::as_const(op)))
      visit_.number("init.std." + std::string(slot.name), op.*slot.std);
  }

  void bias(Real& std, const std::string& weight) {
    visit_.number(weight == "ffn_out" ? "init.std.ffn_out_bias" : "init.std.bias", std);
  }

  void width(Size& n) {
    if (widths_) visit_.size(hidden_ ? stack_ + "ffn.width" : "width", n);
  }

  Visit& visit_;
  std::string stack_;
  bool widths_;
  bool hidden_ = false;     ///< the signal has the width of a feed-forward network
  bool in_branch_ = false;  ///< inside a residual branch
};

/// The numbers of a given input; products of a file have none.
template <class Real, class Visit>
void numbers_of_given(BasicGivenInput<Real>& given, bool batched, Visit& visit) {
  if (given.gram) return;
  const std::string input = given.is_image() ? "input.patches." : "input.";
  if (!given.is_image()) visit.number("input.mean", given.mean);
  visit.number(input + "variance", given.variance);
  visit.number(input + "token_correlation", given.token_correlation);
  if (!given.is_image() && batched) visit.number("input.cross_correlation", given.cross_correlation);
  if (given.class_tokens > 0) visit.number("input.class_token.std", given.class_std);
  if (given.position.used) visit.number("input.patches.position_std", given.position.std);
}

/// Calls visit.number(knob, x) for every number of a network that can be varied and
/// visit.size(knob, n) for every size and count, x and n by reference. A knob comes as often as
/// there are components that have it.
template <class Size, class Real, class Visit>
void for_each_number(BasicNetwork<Size, Real>& network, Visit&& visit) {
  using Numbers = NumbersOfComponents<Size, Real, std::remove_reference_t<Visit>>;
  const bool two_stacks = !network.encoder.empty();
  const bool widths = is_stack(network.body) && (!two_stacks || is_stack(network.encoder));
  if (!has_gram(network)) visit.size("sequence_length", network.sequence_length);
  visit.size("batch", network.batch);
  if (widths) visit.size("width", network.width);
  if (auto* embedding = std::get_if<BasicEmbedding<Size, Real>>(&network.source)) {
    for (BasicTable<Real>* table : {&embedding->token, &embedding->position, &embedding->segment})
      if (table->used) visit.number("init.std.embedding", table->std);
    if (embedding->token.used && !embedding->match && !embedding->text)
      visit.size("input.embedding.vocabulary", embedding->vocabulary);
  } else {
    numbers_of_given(std::get<BasicGivenInput<Real>>(network.source), network.batch > Size(1), visit);
  }
  Numbers(visit, "input.embedding.", false)(network.input);
  Numbers(visit, two_stacks ? "encoder." : "", widths)(two_stacks ? network.encoder : network.body);
  if (two_stacks) Numbers(visit, "decoder.", widths)(network.body);
  visit.number("gradient.variance", network.gradient_variance);
  visit.number("gradient.token_correlation", network.gradient_token_correlation);
  if (network.batch > Size(1)) visit.number("gradient.cross_correlation", network.gradient_cross_correlation);
}

/// Replaces every number and size of a knob by f of it. f takes a number and gives one of its type.
template <class Size, class Real, class F>
void change_knob(BasicNetwork<Size, Real>& network, const std::string& knob, const F& f) {
  struct Visit {
    const std::string& knob;
    const F& f;
    void number(const std::string& name, Real& x) const {
      if (name == knob) x = f(x);
    }
    void size(const std::string& name, Size& n) const {
      if (name == knob) n = f(n);
    }
    void size(const std::string& name, Real& n) const requires(!std::is_same_v<Size, Real>) { number(name, n); }
  };
  for_each_number(network, Visit{knob, f});
}

}  // namespace sigprop::network
