// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>

#include "predict/activation_moments.hpp"
#include "predict/attention_shape.hpp"
#include "predict/chained.hpp"
#include "predict/notebook.hpp"
#include "predict/numbers.hpp"
#include "sigprop/formula/attention.hpp"

/// What a walk in expressions reads: the model's numbers under their names, and functions without a closed form as symbols.
namespace sigprop::predict {

template <>
struct Numbers<scalar::Expression> {
  using Expression = scalar::Expression;

  std::shared_ptr<Notebook> notebook;

  [[nodiscard]] Expression operator()(const double& x) const { return read(x, &x); }
  [[nodiscard]] Expression operator()(const std::size_t& n) const { return read(static_cast<double>(n), &n); }

  // What a walk makes a note of inside a component: equations, and the symbols in their place.
  [[nodiscard]] Expression noted(const char* text, const char* latex, const Expression& x) const;
  [[nodiscard]] Expression noted(const char* name, const Expression& x) const;
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

 private:
  [[nodiscard]] Expression read(double value, const void* place) const {
    const Expression* known = notebook->named(place);
    return known != nullptr ? *known : Expression(value);
  }
};

/// Closed forms as they are, of other activations the means that a quadrature gives as functions: M1 to M11, of derivatives D2, D11.
class ExpressedActivations {
 public:
  using Expression = scalar::Expression;

  explicit ExpressedActivations(const Numbers<Expression>& numbers) : number_(numbers) {}

  [[nodiscard]] formula::Moments<Expression> forward(network::ActivationKind kind,
                                                     const formula::Moments<Expression>& x);
  [[nodiscard]] formula::Gradient<Expression> backward(network::ActivationKind kind,
                                                       const formula::Gradient<Expression>& g,
                                                       const formula::Moments<Expression>& x);

 private:
  Numbers<Expression> number_;
  ActivationMoments<double> known_;
};

template <>
struct Known<scalar::Expression> {
  using Activations = ExpressedActivations;
  using Tables = SoftmaxTables<double>;
  [[nodiscard]] static Activations activations(const Numbers<scalar::Expression>& numbers) {
    return Activations(numbers);
  }
};

/// Named functions of v, ρ, the keys and the head width.
[[nodiscard]] formula::SoftmaxMeans<scalar::Expression> softmax_means(
    SoftmaxTables<double>& tables, double length, const Head& head,
    const std::array<scalar::Expression, few_arguments>& x);

[[nodiscard]] formula::RotaryMeans<scalar::Expression> turned_by_rotary(const Numbers<scalar::Expression>& number,
                                                                        const network::Attention& op,
                                                                        const double& sequence_length);

}  // namespace sigprop::predict
