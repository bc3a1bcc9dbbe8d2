// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "predict/explain/expressed.hpp"
#include "predict/walk/alike_tokens.hpp"
#include "predict/walk/observer.hpp"
#include "sigprop/network/outline.hpp"

namespace sigprop::predict {

/// The network in expressions: its sizes and numbers are symbols, named as in the formulas.
[[nodiscard]] network::Lifted<scalar::Expression> named(const network::Network& network, Notebook& notebook);

/// Notes what every component of a walk in expressions does. Signals are numbered in the order in
/// which they arise; each is a set of symbols to what comes after it, and so is each gradient,
/// which has the number of the signal at which it is taken.
class Explaining : public Observer {
 public:
  using Expression = scalar::Expression;
  using Algebra = AlikeAlgebra<Expression, NotebookNotes>;
  using Signal = Algebra::Signal;
  using Gradient = Algebra::Gradient;
  using Norms = SquaredNorms<Expression>;
  /// A signal or gradient in numbers.
  using PlainSignal = AlikeTokens<double>::Signal;
  using PlainGradient = AlikeTokens<double>::Gradient;

  /// points, weights: their names in the profile, in forward order.
  Explaining(Algebra& algebra, std::shared_ptr<Notebook> notebook, std::vector<std::string> points,
             std::vector<std::string> weights);

  // ---- ends --------------------------------------------------------------------------------------------------------

  /// The signal that enters the walk, as symbols.
  [[nodiscard]] Signal begin_with(const PlainSignal& x);
  [[nodiscard]] Signal begin_with_embedding();

  /// The gradient that enters at the end of the walk, as symbols.
  [[nodiscard]] Gradient begin_back_with(const Signal& last, const PlainGradient& g);

  /// The encoder's output, which cross-attention reads.
  void attend_to_memory(const PlainSignal& memory);
  /// Notes the gradient at the encoder's output, if there is any.
  void note_memory_gradient();

  // ---- the walk ----------------------------------------------------------------------------------------------------

  void at_point(std::size_t point, const Signal&);
  void at_point(std::size_t, const Gradient&, const Expression&) {}

  template <class Op, class Compute>
  [[nodiscard]] Signal forward(const Op& op, const Signal& x, const Compute& compute) {
    begin(op, x);
    return arisen(compute(as_read(op, x)));
  }
  template <class Compute>
  [[nodiscard]] Signal join(const network::BasicExperts<Expression, Expression>& op, const Signal& x, const Signal& y,
                            const Compute& compute) {
    begin_mean(op, x, y);
    return arisen(compute());
  }
  template <class Compute>
  [[nodiscard]] Algebra::Sum join(const network::BasicResidual<Expression, Expression>& op, const Signal& x,
                                  const Signal& branch, const Compute& compute) {
    begin_sum(op, x, branch);
    const Algebra::Sum out = compute();
    const SumSizes<Expression>& sizes = out.share.sizes;
    return {arisen(out.signal),
            {Expression(out.share.branch.sample()),
             {Expression(sizes.first_share.sample()), Expression(sizes.first.sample())}}};
  }
  template <class Compute>
  [[nodiscard]] Signal add(const Signal& x, const Signal& a, const Signal& b, const Compute& compute) {
    begin_add(x, a, b);
    return arisen(compute());
  }

  template <class Op, class Compute>
  [[nodiscard]] Gradient backward(const Op& op, const Signal& x, const Gradient&, const Norms& norms,
                                  const Compute& compute) {
    begin_back(op, x);
    const Gradient back = compute(as_read(op, x));
    note_norms(norms, network::weight_slots(op).size());
    return taken(back, number_of(x));
  }
  template <class Op, class Compute>
  [[nodiscard]] Gradient into(const Op& op, const Compute& compute) {
    begin_into(op);
    Gradient out = taken(compute(), branch_ends_.back());
    branch_ends_.pop_back();
    return out;
  }
  template <class Op, class Compute>
  [[nodiscard]] Gradient join_back(const Op& op, const Gradient& branch, const Compute& compute) {
    begin_join_back(op, branch);
    return taken(compute(), number_of(branch));
  }
  template <class Compute>
  [[nodiscard]] Gradient add_back(const Gradient& a, const Compute& compute) {
    begin_add_back(a);
    return taken(compute(), number_of(a));
  }

 private:
  using Residual = network::BasicResidual<Expression, Expression>;
  using Experts = network::BasicExperts<Expression, Expression>;
  using Linear = network::BasicLinear<Expression, Expression>;
  using GatedLinear = network::BasicGatedLinear<Expression, Expression>;
  using Dropout = network::BasicDropout<Expression>;
  using Norm = network::BasicNorm<Expression, Expression>;
  using Attention = AttentionOp<Expression>;

  [[nodiscard]] const NotebookNotes& notes() const { return algebra_.field().notes(); }
  [[nodiscard]] bool is_paper() const { return algebra_.field().theory() == Theory::paper; }

  [[nodiscard]] static const char* formula_of(const Experts& op) {
    return op.has_router() ? "routed_experts" : "experts";
  }
  void begin_mean(const Experts& op, const Signal& x, const Signal& y);
  void begin_sum(const Residual& op, const Signal& x, const Signal& branch);
  void begin_add(const Signal& x, const Signal& a, const Signal& b);
  void begin_into(const Experts& op);
  void begin_into(const Residual& op);
  void begin_join_back(const Residual& op, const Gradient& branch);
  void begin_add_back(const Gradient& a);

  /// Explains the symbols of a component's numbers.
  template <class Op>
  void explain_numbers(const Op& op) const;

  // ---- numbers of signals ------------------------------------------------------------------------------------------

  [[nodiscard]] std::size_t number_of(const Signal& x) const { return numbers_.at(x.moments.variance.key()); }
  [[nodiscard]] std::size_t number_of(const Gradient& g) const { return numbers_.at(g.moments.variance.key()); }
  [[nodiscard]] std::string shown(const Signal& x) const { return "x" + subscript(std::to_string(number_of(x))); }
  [[nodiscard]] std::string next() const { return "x" + subscript(std::to_string(signals_)); }

  /// The next signal, with its equations noted.
  [[nodiscard]] Signal arisen(const Signal& x);
  /// The gradient at that signal, likewise. While other readers of the signal still add to it, it
  /// is a part: γ₀′².
  [[nodiscard]] Gradient taken(const Gradient& g, std::size_t number);

  // ---- how components read a signal --------------------------------------------------------------------------------

  template <class Op>
  [[nodiscard]] const Signal& as_read(const Op&, const Signal& x) const {
    return x;
  }
  [[nodiscard]] Signal as_read(const Norm&, const Signal& x) const { return by_correlation(x); }
  [[nodiscard]] Signal as_read(const network::Activation&, const Signal& x) const { return by_correlation(x); }
  /// With its covariances by the correlations that a norm's and an activation's formulas are in.
  [[nodiscard]] Signal by_correlation(const Signal& x) const;

  template <class Op>
  void begin(const Op& op, const Signal& x) {
    ++readers_[number_of(x)];
    notebook_->begin(&op, next() + " = " + title(op) + "(" + shown(x) + ")", formulas(op));
    explain_numbers(op);
  }
  template <class Op>
  void begin_back(const Op& op, const Signal& x) {
    notebook_->begin(&op, title(op) + ", back to " + shown(x), backward_formulas(op));
    explain_numbers(op);
  }

  [[nodiscard]] static std::string title(const Linear& op);
  [[nodiscard]] static std::string title(const GatedLinear& op);
  [[nodiscard]] static std::string title(const network::Activation& op);
  [[nodiscard]] static std::string title(const Dropout&) { return "dropout"; }
  [[nodiscard]] static std::string title(const Norm& op);
  [[nodiscard]] static std::string title(const Attention& op);
  /// Names what experts add on the way back.
  [[nodiscard]] static std::string title(const Experts&) { return "router"; }
  /// The formulas that a component uses, as the catalogue names them.
  template <class Op>
  [[nodiscard]] std::string formulas(const Op& op) const {
    return joined(formulas_of(op));
  }
  template <class Op>
  [[nodiscard]] std::string backward_formulas(const Op& op) const {
    return joined(backward_formulas_of(op));
  }
  using Names = std::vector<std::string>;
  [[nodiscard]] static std::string joined(const Names& names);
  [[nodiscard]] Names formulas_of(const Linear&) const { return {"linear"}; }
  [[nodiscard]] Names formulas_of(const GatedLinear& op) const;
  [[nodiscard]] Names formulas_of(const network::Activation& op) const;
  [[nodiscard]] Names formulas_of(const Dropout&) const { return {"dropout"}; }
  [[nodiscard]] Names formulas_of(const Norm& op) const { return {norm_formula(op.kind)}; }
  [[nodiscard]] Names formulas_of(const Attention& op) const;
  [[nodiscard]] Names backward_formulas_of(const Linear&) const { return {"linear", "weight_gradient"}; }
  [[nodiscard]] Names backward_formulas_of(const GatedLinear& op) const;
  [[nodiscard]] Names backward_formulas_of(const network::Activation& op) const { return formulas_of(op); }
  [[nodiscard]] Names backward_formulas_of(const Dropout&) const { return {"dropout"}; }
  [[nodiscard]] Names backward_formulas_of(const Norm& op) const { return {norm_backward_formula(op.kind)}; }
  [[nodiscard]] Names backward_formulas_of(const Attention& op) const;
  [[nodiscard]] static Names backward_formulas_of(const Experts&) {
    return {"routed_experts", "linear", "weight_gradient"};
  }
  [[nodiscard]] std::string norm_formula(network::NormKind kind) const;
  [[nodiscard]] std::string norm_backward_formula(network::NormKind kind) const;

  /// The gradient norms of a component's weights, in forward order: of the last ones not yet noted.
  void note_norms(const Norms& norms, std::size_t weights);

  Algebra& algebra_;
  std::shared_ptr<Notebook> notebook_;
  std::vector<std::string> points_;
  std::vector<std::string> weights_;              ///< not yet met on the way back
  std::size_t signals_ = 0;                       ///< so far
  std::map<std::string, std::size_t> numbers_;    ///< by the key of a variance
  std::map<std::size_t, std::size_t> readers_;    ///< of a signal: gradients that are taken at it
  std::map<std::size_t, std::size_t> gradients_;  ///< taken so far
  std::vector<std::size_t> branch_ends_;  ///< signals at the ends of branches and experts not yet gone back into
};

}  // namespace sigprop::predict
