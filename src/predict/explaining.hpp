// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "predict/exchangeable.hpp"
#include "predict/expressed.hpp"

namespace sigprop::predict {

/// A walk in expressions that notes what every component does. Signals are numbered in the order in which they arise; each is a set of
/// symbols to what comes after it, and so is each gradient, which has the number of the signal at which it is taken.
class Explaining : public Exchangeable<scalar::Expression> {
  using Base = Exchangeable<scalar::Expression>;

 public:
  using Expression = scalar::Expression;
  /// A signal or gradient in numbers.
  using Entering = Exchangeable<double>::Signal;
  using Leaving = Exchangeable<double>::Gradient;

  /// points, weights: their names in the profile, in forward order.
  Explaining(const network::Network& layer, Theory theory, std::shared_ptr<Known<Expression>::Tables> tables,
             const std::shared_ptr<Notebook>& notebook, std::vector<std::string> points,
             std::vector<std::string> weights);

  // ---- ends --------------------------------------------------------------------------------------------------------

  /// What enters the walk.
  void begin_with(const Entering& x);
  void begin_with(const network::Embedding& embedding);
  [[nodiscard]] Signal source() const { return entering_; }

  /// And what its end is told on the way back.
  [[nodiscard]] Gradient turned_back(const Signal& last, const Leaving& g);

  /// An encoder's output in numbers.
  void attend_to_memory(const Entering& memory);
  /// Notes what has come back to it, if anything has.
  void note_memory_gradient();

  [[nodiscard]] profile::Forward profile_of(const Signal&, const std::size_t&);
  [[nodiscard]] static profile::Backward profile_of(const Gradient&, const std::size_t&) { return {}; }

  // ---- forward -----------------------------------------------------------------------------------------------------

  template <class Op>
  [[nodiscard]] Signal forward(const Op& op, const Signal& x) {
    begin(op, x);
    return arisen(Base::forward(op, as_read(op, x)));
  }
  [[nodiscard]] Signal forward(const network::Attention& op, const Signal& x, profile::AttentionMetrics& metrics);
  [[nodiscard]] Signal mean_of(const network::Experts& op, const Signal& x, const Signal& y);
  [[nodiscard]] Signal add(const Signal& x, const Signal& a, const Signal& b);
  [[nodiscard]] Sum sum(const network::Residual& op, const Signal& x, const Signal& branch);

  // ---- backward ----------------------------------------------------------------------------------------------------

  template <class Op>
  [[nodiscard]] Gradient backward(const Op& op, const Signal& x, const Gradient& g, SquaredNorms<Expression>& norms) {
    begin_back(op, x);
    const Gradient back = Base::backward(op, as_read(op, x), g, norms);
    note_norms(norms, weights_of(op));
    return taken(back, number_of(x));
  }
  [[nodiscard]] Gradient into_experts(const network::Experts& op, const Gradient& g);
  [[nodiscard]] Gradient add(const Gradient& a, const Gradient& b);
  [[nodiscard]] Gradient into_branch(const network::Residual& op, const Gradient& g);
  [[nodiscard]] static Signal into_branch(Signal x) { return Base::into_branch(std::move(x)); }
  [[nodiscard]] Gradient sum(const network::Residual& op, const Gradient& g, const Gradient& branch,
                             const Expression& branch_share);

 private:
  [[nodiscard]] Numbers<Expression> notes() const { return {notebook_}; }

  // ---- numbers of signals ------------------------------------------------------------------------------------------

  [[nodiscard]] std::size_t number_of(const Signal& x) const { return numbers_.at(x.moments.variance.key()); }
  [[nodiscard]] std::size_t number_of(const Gradient& g) const { return numbers_.at(g.moments.variance.key()); }
  [[nodiscard]] std::string shown(const Signal& x) const { return "x" + lowered(std::to_string(number_of(x))); }
  [[nodiscard]] std::string next() const { return "x" + lowered(std::to_string(signals_)); }

  /// The next signal, with its equations noted.
  [[nodiscard]] Signal arisen(const Signal& x);
  /// The gradient at that signal, likewise. As long as other readers of the signal add to it, it is a part: γ₀′².
  [[nodiscard]] Gradient taken(const Gradient& g, std::size_t number);

  // ---- how components read a signal --------------------------------------------------------------------------------

  template <class Op>
  [[nodiscard]] const Signal& as_read(const Op&, const Signal& x) const {
    return x;
  }
  [[nodiscard]] Signal as_read(const network::Norm&, const Signal& x) const { return by_correlation(x); }
  [[nodiscard]] Signal as_read(const network::Activation&, const Signal& x) const { return by_correlation(x); }
  /// With its covariances by the correlations that a norm's and an activation's formulas are in.
  [[nodiscard]] Signal by_correlation(const Signal& x) const;

  template <class Op>
  void begin(const Op& op, const Signal& x) {
    ++readers_[number_of(x)];
    notebook_->begin(&op, next() + " = " + title(op) + "(" + shown(x) + ")", formulas(op));
    name_numbers(op);
  }
  template <class Op>
  void begin_back(const Op& op, const Signal& x) {
    notebook_->begin(&op, title(op) + ", back to " + shown(x), backward_formulas(op));
    name_numbers(op);
  }

  [[nodiscard]] static std::string title(const network::Linear& op);
  [[nodiscard]] static std::string title(const network::GatedLinear& op);
  [[nodiscard]] static std::string title(const network::Activation& op);
  [[nodiscard]] static std::string title(const network::Dropout&) { return "dropout"; }
  [[nodiscard]] static std::string title(const network::Norm& op);
  [[nodiscard]] static std::string title(const network::Attention& op);
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
  [[nodiscard]] Names formulas_of(const network::Linear&) const { return {"linear"}; }
  [[nodiscard]] Names formulas_of(const network::GatedLinear& op) const;
  [[nodiscard]] Names formulas_of(const network::Activation& op) const;
  [[nodiscard]] Names formulas_of(const network::Dropout&) const { return {"dropout"}; }
  [[nodiscard]] Names formulas_of(const network::Norm& op) const { return {norm_formula(op.kind)}; }
  [[nodiscard]] Names formulas_of(const network::Attention& op) const;
  [[nodiscard]] Names backward_formulas_of(const network::Linear&) const { return {"linear", "weight_gradient"}; }
  [[nodiscard]] Names backward_formulas_of(const network::GatedLinear& op) const;
  [[nodiscard]] Names backward_formulas_of(const network::Activation& op) const { return formulas_of(op); }
  [[nodiscard]] Names backward_formulas_of(const network::Dropout&) const { return {"dropout"}; }
  [[nodiscard]] Names backward_formulas_of(const network::Norm& op) const { return {norm_backward_formula(op.kind)}; }
  [[nodiscard]] Names backward_formulas_of(const network::Attention& op) const;
  [[nodiscard]] std::string norm_formula(network::NormKind kind) const;
  [[nodiscard]] std::string norm_backward_formula(network::NormKind kind) const;

  /// Of a component's weights, in forward order; the last ones not yet noted.
  void note_norms(const SquaredNorms<Expression>& norms, std::size_t weights);
  [[nodiscard]] static std::size_t weights_of(const network::Linear&) { return 1; }
  [[nodiscard]] static std::size_t weights_of(const network::GatedLinear&) { return 2; }
  [[nodiscard]] static std::size_t weights_of(const network::Attention&) { return 4; }
  template <class Op>
  [[nodiscard]] static std::size_t weights_of(const Op&) {
    return 0;
  }

  // ---- the numbers of the model ------------------------------------------------------------------------------------

  void name_numbers(const network::Linear& op);
  void name_numbers(const network::GatedLinear& op);
  void name_numbers(const network::Activation&) {}
  void name_numbers(const network::Dropout& op);
  void name_numbers(const network::Norm& op);
  void name_numbers(const network::Attention& op);
  void name_numbers(const network::Residual& op);
  void name_numbers(const network::Experts& op);
  void size(const std::size_t& n, const char* text, const char* latex, const char* meaning);
  /// A standard deviation, so that its square is the variance w.
  void deviation(const double& std, const char* text, const char* latex, const char* meaning);
  void factor(const double& x, const char* text, const char* latex, const char* meaning);

  std::shared_ptr<Notebook> notebook_;
  bool paper_;
  std::vector<std::string> points_;
  std::size_t next_point_ = 0;
  std::vector<std::string> weights_;  ///< not yet met on the way back
  Signal entering_;
  std::size_t signals_ = 0;                       ///< so far
  std::map<std::string, std::size_t> numbers_;    ///< by the key of a variance
  std::map<std::size_t, std::size_t> readers_;    ///< of a signal: gradients that are taken at it
  std::map<std::size_t, std::size_t> gradients_;  ///< taken so far
  std::vector<std::size_t> branch_ends_;  ///< signals at the ends of branches and experts not yet gone back into
};

}  // namespace sigprop::predict
