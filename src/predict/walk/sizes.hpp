// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>
#include <variant>
#include <vector>

#include "sigprop/formula/token_size.hpp"
#include "sigprop/network/lifted.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

/// How the sizes of a signal's tokens vary (formula/token_size.hpp).
template <class Tokens>
struct Sizes {
  Tokens variance{};  ///< τ
  Tokens words{};     ///< share of the second moment that two tokens of one word have in common for it
};

/// What the way back through a sum must know of them.
template <class Tokens>
struct SumSizes {
  Tokens first_share{};  ///< a, of the sum's second moment
  Tokens first{};        ///< τ of the first summand
};

/// Follows the sizes of tokens from component to component, and on the way back how the gradient
/// depends on them. Field gives the moments of its tokens as if all were alike, `alike(x)`, and the
/// activations of such tokens, `alike_activations()`. By the paper's theory sizes do not vary.
template <class Field, class T, class Tokens>
class FollowsSizes {
 public:
  using Sizes = predict::Sizes<Tokens>;
  using SumSizes = predict::SumSizes<Tokens>;
  using Response = formula::SizeResponse<Tokens>;

  // ---- forward: behind a component, from what it read and what it made of it ---------------------------------------

  [[nodiscard]] Sizes drawn_sizes(const formula::Moments<T>& x, const T& width) const {
    return new_sizes(formula::drawn_size_variance(x.mean, x.second_moment(), width));
  }
  template <class Signal>
  [[nodiscard]] Sizes sizes(const network::BasicLinear<T, T>& op, const Signal& x) const {
    return new_sizes(x.sizes.variance + T(T(2) / op.out));
  }
  template <class Signal>
  [[nodiscard]] Sizes sizes(const network::Activation& op, const Signal& x) {
    return new_sizes(formula::activation_size_variance(x.sizes.variance, fourth_moment(op.kind, x.moments), x.width));
  }
  template <class Signal, class Moments>
  [[nodiscard]] Sizes sizes(const network::BasicGatedLinear<T, T>& op, const Signal& x, const Moments& gate) {
    return new_sizes(formula::gated_size_variance(x.sizes.variance, fourth_moment(op.activation, gate), op.out));
  }
  template <class Signal>
  [[nodiscard]] Sizes sizes(const network::BasicDropout<T>& op, const Signal& x) const {
    const T& p = op.probability;
    const Tokens variance = x.sizes.variance + T(T(3) * p / ((T(1) - p) * x.width));
    return {varying(variance), T(T(1) - p) * x.sizes.words};
  }
  template <class Signal>
  [[nodiscard]] Sizes sizes(const network::BasicNorm<T, T>& op, const Signal& x) const {
    const Tokens hidden = field().all(1) - visible(op, x);
    return {hidden * hidden * x.sizes.variance, x.sizes.words};
  }
  template <class Signal>
  [[nodiscard]] Sizes sizes(const network::BasicExperts<T, T>& op, const Signal& y) const {
    return new_sizes(y.sizes.variance / op.chosen);
  }

  struct Summed {
    Sizes sum;
    SumSizes back;
  };
  /// Behind αa + βb.
  template <class Signal>
  [[nodiscard]] Summed sizes_of_sum(const Signal& a, const T& alpha, const Signal& b, const T& beta) const {
    const Tokens of_a = T(alpha * alpha) * own(products(a.moments)), of_b = T(beta * beta) * own(products(b.moments));
    const Tokens share = Field::ratio(of_a, Tokens(of_a + of_b)), other = field().all(1) - share;
    const Tokens variance =
        varying(formula::sum_size_variance(share, a.sizes.variance, other, b.sizes.variance, a.width));
    return {{variance, share * a.sizes.words + other * b.sizes.words}, {share, a.sizes.variance}};
  }

  // ---- backward ----------------------------------------------------------------------------------------------------

  [[nodiscard]] Response unresponsive() const { return {field().all(0), field().all(0)}; }
  template <class Signal>
  [[nodiscard]] Response behind_norm(const network::BasicNorm<T, T>& op, const Signal& x) const {
    return formula::size_response_of_norm<Tokens, T>(visible(op, x), x.sizes.variance);
  }
  /// From the response at a sum: at the end of its branch, to the size of the branch's output.
  [[nodiscard]] Response into_branch(const Response& g, const SumSizes& sizes) const {
    return {g.first * (field().all(1) - sizes.first_share), field().all(0)};
  }
  /// From the response at a sum, and that of the gradient behind its branch: of the latter at what
  /// the branch read, where it has both.
  [[nodiscard]] formula::ProductResponse<Tokens> behind_branch(const network::BasicResidual<T, T>& op,
                                                               const Response& g, const Response& branch,
                                                               const SumSizes& sizes) const {
    // A row's gradient behind attention comes from other rows, whatever their sizes.
    if (mixes_tokens(op.of)) return {field().all(1), branch};
    return formula::size_response_of_product<Tokens, T>(beside_branch(g, sizes), branch, sizes.first);
  }
  [[nodiscard]] static Response beside_branch(const Response& g, const SumSizes& sizes) {
    const Tokens& a = sizes.first_share;
    return {a * g.first, a * a * g.second};
  }
  /// Of two gradients at the same place; share: of the first in the variance of both.
  [[nodiscard]] Response response_of_both(const Response& a, const Tokens& share, const Response& b) const {
    const Tokens other = field().all(1) - share;
    return {share * a.first + other * b.first, share * a.second + other * b.second};
  }

 protected:
  /// Without words in common.
  [[nodiscard]] Sizes new_sizes(const Tokens& variance) const { return {varying(variance), field().all(0)}; }
  [[nodiscard]] Sizes new_sizes(const T& variance) const requires(!std::is_same_v<T, Tokens>) {
    return new_sizes(Tokens(field().all(variance)));
  }

 private:
  [[nodiscard]] Field& field() { return static_cast<Field&>(*this); }
  [[nodiscard]] const Field& field() const { return static_cast<const Field&>(*this); }

  [[nodiscard]] Tokens varying(const Tokens& variance) const {
    return field().theory() == Theory::paper ? Tokens(field().all(0)) : variance;
  }
  template <class Moments>
  [[nodiscard]] T fourth_moment(network::ActivationKind kind, const Moments& x) {
    return field().alike_activations().fourth_moment(kind, field().alike(x));
  }
  template <class Signal>
  [[nodiscard]] Tokens visible(const network::BasicNorm<T, T>& op, const Signal& x) const {
    if (op.epsilon == T(0)) return field().all(1);
    const Tokens size =
        op.kind == network::NormKind::layer_norm ? own(covariances(x.moments)) : own(products(x.moments));
    return Field::ratio(size, Tokens(size + op.epsilon));
  }
  [[nodiscard]] static bool mixes_tokens(const std::vector<network::BasicComponent<T, T>>& list) {
    bool out = false;
    network::for_each_component(list, [&](const auto& component) {
      out = out || std::holds_alternative<network::BasicAttention<T, T>>(component.op);
    });
    return out;
  }
};

}  // namespace sigprop::predict
