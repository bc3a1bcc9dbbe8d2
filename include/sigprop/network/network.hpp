// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "sigprop/network/activation_kind.hpp"
#include "sigprop/network/gram.hpp"
#include "sigprop/network/router.hpp"
#include "sigprop/network/words.hpp"
#include "sigprop/profile/summary.hpp"

/// What a model is: plain structs that both interpreters (prediction and simulation) walk. Signals
/// are of shape (B, L, D). Every struct is a template over the types of its sizes and of its other
/// numbers: a spec is read into plain ones, and a prediction walks a copy whose numbers carry
/// derivatives or names (lifted.hpp).
namespace sigprop::network {

enum class NormKind { layer_norm, rms_norm };
enum class Mask { none, causal };

/// y = x Wᵀ + bias, W: (out, in).
template <class Size, class Real>
struct BasicLinear {
  Size in{};
  Size out{};
  Real weight_std{};
  Real bias_std{};
  std::string name = "linear";  ///< of the weight in a profile
};

/// y = φ(x W_gateᵀ) ∘ (x W_inᵀ): the first half of a gated feed-forward network.
template <class Size, class Real>
struct BasicGatedLinear {
  Size in{};
  Size out{};
  Real gate_std{};
  Real weight_std{};
  Real bias_std{};
  ActivationKind activation = ActivationKind::silu;
};

struct Activation {
  ActivationKind kind = ActivationKind::relu;
};

/// Inverted dropout.
template <class Real>
struct BasicDropout {
  Real probability{};
};

/// Normalization over the width, gain 1, bias 0.
template <class Size, class Real>
struct BasicNorm {
  NormKind kind = NormKind::layer_norm;
  Size width{};
  Real epsilon{};  ///< added to the variance, or mean square, under the root
};

/// Multi-head attention with its output projection.
template <class Size, class Real>
struct BasicAttention {
  Size width{};
  Size heads{1};
  Size kv_heads{1};
  Size head_width{};
  bool cross = false;  ///< keys and values come from the encoder's last state
  Mask mask = Mask::none;
  Real dropout{};      ///< on the softmax matrix
  Real score_scale{};  ///< factor on q·k
  std::optional<Real> rotary_base;
  Size rotary_width{};                     ///< features of a head that rotate with the position, where there is a base
  std::optional<NormKind> query_key_norm;  ///< of every head's queries and keys, before rotation
  bool query_key_norm_of_all = false;      ///< that norm is one of all heads together
  std::optional<NormKind> inner_norm;      ///< of the heads' outputs together, before the output projection
  Real norm_epsilon{};                     ///< of both norms
  Real query_std{};
  Real key_std{};
  Real value_std{};
  Real output_std{};
  Real bias_std{};
};

template <class Size, class Real>
struct BasicComponent;

/// y = skip · x + branch · f(x).
template <class Size, class Real>
struct BasicResidual {
  Real skip{1};
  Real branch{1};
  std::vector<BasicComponent<Size, Real>> of;
  bool learned_branch = false;  ///< `branch` is a parameter: a step moves it away from 0
};

/// The same list, `times` times, with weights of their own or, if tied, with the first copy's. At
/// the outer level one copy is one layer.
template <class Size, class Real>
struct BasicRepeat {
  std::size_t times = 1;
  std::vector<BasicComponent<Size, Real>> of;
  bool tied = false;
};

/// Lists that read the same signal side by side: y = Σ f(x).
template <class Size, class Real>
struct BasicParallel {
  std::vector<std::vector<BasicComponent<Size, Real>>> of;
};

/// A mixture of experts: `count` lists with weights of their own. Every token passes `chosen` of
/// them. Without a router they are drawn uniformly and independently for each token, which gets the
/// mean of their outputs. With one they are those of its largest logits x W_rᵀ, W_r: (count,
/// width), and `router` says how these weigh their outputs.
template <class Size, class Real>
struct BasicExperts {
  Size count{1};
  Size chosen{1};
  std::vector<BasicComponent<Size, Real>> of;
  Real router_std{};  ///< of W_r; 0 for no router
  Size width{};       ///< that the router reads, where there is one
  Router router = Router::softmax;

  [[nodiscard]] bool has_router() const { return !(router_std == Real(0)); }
};

/// One building block. `point` names the point of the profile after it; empty for none.
template <class Size, class Real>
struct BasicComponent {
  std::variant<BasicLinear<Size, Real>, BasicGatedLinear<Size, Real>, Activation, BasicDropout<Real>,
               BasicNorm<Size, Real>, BasicAttention<Size, Real>, BasicResidual<Size, Real>, BasicRepeat<Size, Real>,
               BasicParallel<Size, Real>, BasicExperts<Size, Real>>
      op;
  std::string point;
};

/// One table of an embedding.
template <class Real>
struct BasicTable {
  bool used = false;
  Real std{};  ///< of its elements
};

/// Sum of embedding tables.
template <class Size, class Real>
struct BasicEmbedding {
  Size vocabulary{};
  BasicTable<Real> token;
  BasicTable<Real> position{};
  BasicTable<Real> segment{};
  int segments = 2;  ///< rows of the segment table that a batch takes: 1 or 2
  /// Probability that two tokens are the same word, where it is not that of Zipf's law of exponent
  /// 1; the law then has this exponent.
  std::optional<Real> match{};
  double exponent = 1;
  std::shared_ptr<const Text> text{};  ///< what tokens hold instead of words that are drawn

  [[nodiscard]] int tables() const { return int{token.used} + int{position.used} + int{segment.used}; }
};

/// A normal input given by its moments. Tokens at the beginning may be rows of a table instead, as
/// the class token of an image is, and all may have a position.
template <class Real>
struct BasicGivenInput {
  Real mean{};
  Real variance{1};
  Real token_correlation{};
  Real cross_correlation{};  ///< between tokens of two sequences
  std::size_t class_tokens = 0;
  Real class_std{};  ///< of their table's elements
  BasicTable<Real> position{};
  /// Numbers of a patch that one random linear map embeds; 0: a patch's features are independent.
  std::size_t pixels = 0;
  /// Products of tokens that differ, of mean 0; variance and token_correlation are their means.
  std::shared_ptr<const Gram> gram{};

  [[nodiscard]] bool has_tables() const { return class_tokens > 0 || position.used; }
  [[nodiscard]] bool is_image() const { return has_tables() || pixels > 0; }
};

/// A whole model with the gradient that enters at its output.
template <class Size, class Real>
struct BasicNetwork {
  using Component = BasicComponent<Size, Real>;
  using GivenInput = BasicGivenInput<Real>;
  using Embedding = BasicEmbedding<Size, Real>;

  std::string name;
  Size sequence_length{1};
  Size batch{1};
  Size width{};  ///< of the input
  std::variant<GivenInput, Embedding> source;
  std::vector<Component> input;  ///< between the source and the point "input"
  std::vector<Component> body;
  std::vector<Component> encoder;  ///< of an encoder–decoder model, else empty
  Real gradient_variance{1};
  Real gradient_token_correlation{};
  Real gradient_cross_correlation{};              ///< between tokens of two sequences
  std::vector<std::size_t> gradient_tokens = {};  ///< at which it enters, from 0; none: at all
  profile::Thresholds thresholds;

  /// Counts as numbers.
  [[nodiscard]] Real length() const { return static_cast<Real>(sequence_length); }
  [[nodiscard]] Real batch_size() const { return static_cast<Real>(batch); }
};

using Linear = BasicLinear<std::size_t, double>;
using GatedLinear = BasicGatedLinear<std::size_t, double>;
using Dropout = BasicDropout<double>;
using Norm = BasicNorm<std::size_t, double>;
using Attention = BasicAttention<std::size_t, double>;
using Residual = BasicResidual<std::size_t, double>;
using Repeat = BasicRepeat<std::size_t, double>;
using Parallel = BasicParallel<std::size_t, double>;
using Experts = BasicExperts<std::size_t, double>;
using Component = BasicComponent<std::size_t, double>;
using Embedding = BasicEmbedding<std::size_t, double>;
using GivenInput = BasicGivenInput<double>;
using Network = BasicNetwork<std::size_t, double>;

/// Is the input given by the products of its tokens?
template <class Size, class Real>
[[nodiscard]] bool has_gram(const BasicNetwork<Size, Real>& network) {
  const auto* given = std::get_if<BasicGivenInput<Real>>(&network.source);
  return given != nullptr && given->gram != nullptr;
}

/// The deviation that all tables in use have; absent where they differ.
[[nodiscard]] std::optional<double> common_std(const Embedding& embedding);

/// The lists inside a component, in the order of a forward pass; const or not as the component is.
template <class AnyComponent>
[[nodiscard]] auto lists_in(AnyComponent& component) {
  using List = std::conditional_t<std::is_const_v<AnyComponent>, const std::vector<std::remove_const_t<AnyComponent>>,
                                  std::vector<AnyComponent>>;
  std::vector<List*> out;
  std::visit(
      [&out](auto& op) {
        if constexpr (requires { op.of.front().front(); }) {
          for (List& list : op.of) out.push_back(&list);
        } else if constexpr (requires { op.of; }) {
          out.push_back(&op.of);
        }
      },
      component.op);
  return out;
}

/// Calls f for every component of the list and of the lists inside, one inside after the one that
/// holds it.
template <class List, class F>
void for_each_component(List& list, const F& f) {
  for (auto& component : list) {
    f(component);
    for (auto* inner : lists_in(component)) for_each_component(*inner, f);
  }
}

/// Removes the mask of every attention of the network.
void remove_masks(Network& network);

/// True if the component, or one inside it, has weights.
[[nodiscard]] bool has_weights(const Component& component);

/// True if every component of the list passes a token's scale on: f(a x) = a f(x) for a > 0. GELU,
/// SiLU and Mish count as such, which they nearly are.
template <class Size, class Real>
[[nodiscard]] bool is_homogeneous(const std::vector<BasicComponent<Size, Real>>& list) {
  bool out = true;
  for_each_component(list, [&out](const auto& component) {
    const auto* activation = std::get_if<Activation>(&component.op);
    if (const auto* linear = std::get_if<BasicLinear<Size, Real>>(&component.op)) {
      out = out && linear->bias_std == Real(0);
    } else if (activation != nullptr) {
      for (const ActivationKind kind :
           {ActivationKind::softplus, ActivationKind::sigmoid, ActivationKind::tanh, ActivationKind::squared_relu})
        out = out && activation->kind != kind;
    } else {
      out = out && (std::holds_alternative<BasicDropout<Real>>(component.op) || !lists_in(component).empty());
    }
  });
  return out;
}

/// Name of a component's kind as a spec spells it: "linear", "attention", ...
[[nodiscard]] const char* kind_name(const Component& component);

}  // namespace sigprop::network
