// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <limits>
#include <type_traits>
#include <variant>
#include <vector>

#include "sigprop/formula/token_size.hpp"
#include "sigprop/network/lifted.hpp"
#include "sigprop/predict/predict.hpp"
#include "sigprop/scalar/jet.hpp"

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
    const Tokens hidden = field().all(1) - visible(op, x.moments);
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

  /// The output y of a gated layer that reads x, as tokens of unequal size make it.
  template <class Signal, class Moments>
  [[nodiscard]] Moments behind_gate(network::ActivationKind kind, const Moments& gate, const Signal& x,
                                    const Moments& y) {
    const Tokens& sizes = x.sizes.variance;
    if (all_are(sizes, 0)) return y;
    const Tokens one = field().all(1), degree = one * degrees_of(kind, gate).value + one;
    const auto size = formula::size_moments_of_gate<T>(degree, sizes, scaled(sizes, x.width));
    return signal_of(of_unequal(products(y), products(x.moments), size, root_of_gain(size)));
  }
  /// The same of a norm that reads x, whose sizes vary as given.
  template <class Moments>
  [[nodiscard]] Moments behind_norm(const network::BasicNorm<T, T>& op, const Moments& x, const Tokens& sizes,
                                    const Moments& y) const {
    if (all_are(sizes, 0) || field().theory() == Theory::paper) return y;
    const auto size = formula::size_moments_of_norm<T>(visible(op, x), sizes, scaled(sizes, op.width));
    const Tokens root = root_of_gain(size);
    return signal_of(Tokens(root * y.mean), of_unequal(covariances(y), products(x), size, root));
  }

  /// w: what a norm's ε leaves of a token's size.
  template <class Moments>
  [[nodiscard]] Tokens visible(const network::BasicNorm<T, T>& op, const Moments& x) const {
    if (op.epsilon == T(0)) return field().all(1);
    const Tokens size = op.kind == network::NormKind::layer_norm ? own(covariances(x)) : own(products(x));
    return Field::ratio(size, Tokens(size + op.epsilon));
  }

  // ---- backward: the gradient follows the size of the signal by a power, ℓ ------------------------------------------

  using Response = formula::SizeResponse<Tokens>;

  /// From the response g at a norm's output to what it read.
  template <class Moments>
  [[nodiscard]] Response before_norm(const network::BasicNorm<T, T>& op, const Moments& x, const Tokens& g,
                                     const Tokens& sizes) const {
    const Tokens seen = visible(op, x);
    return formula::size_response<T>(g, Tokens(field().all(1) - seen), Tokens(T(-1) * seen), sizes);
  }
  template <class Signal>
  [[nodiscard]] Response before_activation(network::ActivationKind kind, const Signal& x, const Tokens& g) {
    const Tokens one = field().all(1);
    // What a finite number of features adds to the size of x does not change the law of one.
    const Tokens sizes = scaled(x.sizes.variance, x.width);
    if (all_are(sizes, 0)) return {one, g};
    const auto degrees = degrees_of(kind, x.moments);
    return formula::size_response<T>(g, Tokens(one * degrees.value), Tokens(one * degrees.slope), sizes);
  }
  /// The responses before a gated layer: through the gate's projection, whose output is given, and
  /// through the values'.
  template <class Moments>
  [[nodiscard]] std::array<Response, 2> before_gate(network::ActivationKind kind, const Moments& gate, const Tokens& g,
                                                    const Tokens& sizes) {
    const Tokens one = field().all(1);
    if (all_are(sizes, 0)) return {{{one, g}, {one, g}}};
    const auto degrees = degrees_of(kind, gate);
    const Tokens open = one * degrees.value, both = open + one;
    return {formula::size_response<T>(g, both, Tokens(one * degrees.slope + one), sizes),
            formula::size_response<T>(g, both, open, sizes)};
  }
  /// From the response at a sum: at the end of its branch, to the size of the branch's output.
  [[nodiscard]] Tokens into_branch(const Tokens& g, const SumSizes& sizes) const {
    return g * (field().all(1) - sizes.first_share);
  }
  /// From the response at a sum, and that of the gradient before its branch: of the latter at what
  /// the branch read, where it has both.
  [[nodiscard]] Response before_branch(const network::BasicResidual<T, T>& op, const Tokens& g, const Tokens& branch,
                                       const SumSizes& sizes) const {
    // A row's gradient before attention comes from other rows, whatever their sizes.
    if (mixes_tokens(op.of)) return {field().all(1), branch};
    return formula::size_response<T>(beside_branch(g, sizes), Tokens(field().all(1)), branch, sizes.first);
  }
  [[nodiscard]] static Tokens beside_branch(const Tokens& g, const SumSizes& sizes) { return sizes.first_share * g; }
  /// The response of the sum of two gradients; share: of the first in the variance of both.
  [[nodiscard]] Tokens response_of_both(const Tokens& a, const Tokens& share, const Tokens& b) const {
    return share * a + (field().all(1) - share) * b;
  }

  /// Is x this number at every token, whatever it is differentiated by?
  [[nodiscard]] static bool all_are(const Tokens& x, double number) {
    if constexpr (std::is_same_v<T, Tokens>)
      return scalar::same(x, T(number));
    else
      return (x == number).all();
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
  /// τ_s
  [[nodiscard]] Tokens scaled(const Tokens& sizes, const T& features) const {
    const Tokens beside = sizes - T(T(2) / features) * field().all(1);
    if constexpr (std::is_same_v<T, Tokens>)
      return beside > T(0) ? beside : T(0);
    else
      return beside.max(0);
  }
  /// Pairs y of tokens of unequal size, from the products that the component read.
  template <class Pairs>
  [[nodiscard]] Pairs of_unequal(const Pairs& y, const Pairs& read, const formula::SizeMoments<T, Tokens>& size,
                                 const Tokens& root) const {
    const Pairs grown = with_factors(y, root);
    if (all_are(size.apart, 0)) return grown;
    const Tokens not_zero = own(read) + T(std::numeric_limits<double>::min());
    const Pairs r = over_scales(read, not_zero);
    const Tokens apart = field().notes().given(
        "k", "root of what two tokens' product has beyond that, because their sizes differ", size.apart);
    return times(grown, shifted(size.sign * with_factors(shifted(T(-1) * times(r, r), T(1)), apart), T(1)));
  }
  [[nodiscard]] Tokens root_of_gain(const formula::SizeMoments<T, Tokens>& size) const {
    using std::sqrt;
    return sqrt(
        Tokens(field().notes().given("f", "what a second moment gains because tokens differ in size", size.own)));
  }
  template <class Moments>
  [[nodiscard]] T fourth_moment(network::ActivationKind kind, const Moments& x) {
    return field().alike_activations().fourth_moment(kind, field().alike(x));
  }
  template <class Moments>
  [[nodiscard]] auto degrees_of(network::ActivationKind kind, const Moments& x) {
    return field().alike_activations().degrees(kind, field().alike(x));
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
