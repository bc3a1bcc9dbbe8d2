// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>

#include "predict/explain/notebook.hpp"
#include "predict/tables/activation_moments.hpp"
#include "predict/tables/chained.hpp"
#include "predict/tables/router_table.hpp"
#include "predict/walk/attention_shape.hpp"
#include "sigprop/formula/attention.hpp"

/// What a walk in expressions reads and writes: functions without a closed form as symbols, and
/// notes.
namespace sigprop::predict {

/// Writes the intermediate results of a component down, and gives the symbols in their place.
struct NotebookNotes {
  using Expression = scalar::Expression;

  std::shared_ptr<Notebook> notebook;

  [[nodiscard]] Expression noted(const char* text, const char* latex, const Expression& x) const;
  [[nodiscard]] Expression noted(const char* name, const Expression& x) const;
  /// A factor whose equation is not told.
  [[nodiscard]] Expression given(const char* name, const char* meaning, const Expression& x) const;
  [[nodiscard]] formula::ScoreMoments<Expression> noted(const formula::ScoreMoments<Expression>& scores) const;
  [[nodiscard]] formula::SoftmaxMeans<Expression> noted(const formula::SoftmaxMeans<Expression>& softmax) const;
  /// A signal or gradient, by what stands as its index.
  [[nodiscard]] formula::Moments<Expression> noted(const char* index, const formula::Moments<Expression>& x) const;
  [[nodiscard]] formula::Gradient<Expression> noted(const char* index, const formula::Gradient<Expression>& g) const;
  /// Its covariances by the correlations that an activation's formulas are in.
  [[nodiscard]] formula::Moments<Expression> noted_by_correlation(const char* index,
                                                                  const formula::Moments<Expression>& x) const;
  [[nodiscard]] formula::AttentionGradient<Expression> noted(formula::AttentionGradient<Expression> back,
                                                             const formula::Moments<Expression>& rows,
                                                             const formula::AttentionShape<Expression>& shape,
                                                             const Expression& batch) const;
};

/// Closed forms as they are, of other activations the means that a quadrature gives as functions:
/// M1 to M11, of derivatives D2, D11.
class ExpressedActivations {
 public:
  using Expression = scalar::Expression;

  /// Where means without a closed form are noted.
  void show(const NotebookNotes& notes) { notes_ = notes; }

  [[nodiscard]] formula::Moments<Expression> forward(network::ActivationKind kind,
                                                     const formula::Moments<Expression>& x);
  [[nodiscard]] formula::Gradient<Expression> backward(network::ActivationKind kind,
                                                       const formula::Gradient<Expression>& g,
                                                       const formula::Moments<Expression>& x);
  /// A number: what becomes of it is not printed.
  [[nodiscard]] Expression fourth_moment(network::ActivationKind kind, const formula::Moments<Expression>& x) {
    return Expression(known_.fourth_moment(kind, {x.mean.sample(), x.variance.sample(), 0, 0}));
  }
  [[nodiscard]] ActivationMoments<Expression>::Degrees degrees(network::ActivationKind kind,
                                                               const formula::Moments<Expression>& x) {
    const auto known = known_.degrees(kind, {x.mean.sample(), x.variance.sample(), 0, 0});
    return {Expression(known.value), Expression(known.slope)};
  }

 private:
  NotebookNotes notes_;
  ActivationMoments<double> known_;
};

template <>
struct Functionals<scalar::Expression> {
  using Activations = ExpressedActivations;
  using Tables = SoftmaxTables<double>;
};

/// Named functions of v, ρ, the keys and the head width.
[[nodiscard]] formula::SoftmaxMeans<scalar::Expression> softmax_means(
    SoftmaxTables<double>& tables, double length, const Head& head,
    const std::array<scalar::Expression, few_arguments>& x);

/// Named functions of the logits' deviation, ρ, the experts and those of a token.
[[nodiscard]] formula::RouterMeans<scalar::Expression> router_means_of(
    const NotebookNotes& notes, const std::array<scalar::Expression, few_arguments>& x, network::Router router);

[[nodiscard]] formula::RotaryMeans<scalar::Expression> rotary_means_of(const NotebookNotes& notes,
                                                                       const AttentionOp<scalar::Expression>& op,
                                                                       const scalar::Expression& length);

}  // namespace sigprop::predict
