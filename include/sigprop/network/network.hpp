// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sigprop/profile/summary.hpp"

/// What a model is: plain structs that both interpreters (prediction and simulation) walk. Signals are of shape (B, L, D).
namespace sigprop::network {

enum class NormKind { layer_norm, rms_norm };
enum class Mask { none, causal };
enum class ActivationKind { relu, gelu, gelu_tanh, silu, tanh, leaky_relu, squared_relu, identity };

/// y = x Wᵀ + bias, W: (out, in).
struct Linear {
  std::size_t in = 0;
  std::size_t out = 0;
  double weight_std = 0;
  double bias_std = 0;
  std::string name = "linear";  ///< under which the weight is reported
};

/// y = φ(x W_gateᵀ) ∘ (x W_inᵀ): the first half of a gated feed-forward network.
struct GatedLinear {
  std::size_t in = 0;
  std::size_t out = 0;
  double gate_std = 0;
  double weight_std = 0;
  double bias_std = 0;
  ActivationKind activation = ActivationKind::silu;
};

struct Activation {
  ActivationKind kind = ActivationKind::relu;
};

/// Inverted dropout.
struct Dropout {
  double probability = 0;
};

/// Normalization over the width, gain 1, bias 0.
struct Norm {
  NormKind kind = NormKind::layer_norm;
  std::size_t width = 0;
};

/// Multi-head attention with its output projection.
struct Attention {
  std::size_t width = 0;
  std::size_t heads = 1;
  std::size_t kv_heads = 1;
  std::size_t head_width = 0;
  bool cross = false;  ///< keys and values come from the encoder's last state
  Mask mask = Mask::none;
  double dropout = 0;      ///< on the softmax matrix
  double score_scale = 0;  ///< factor on q·k
  std::optional<double> rotary_base;
  std::size_t rotary_width = 0;            ///< features of a head that turn with the position, where there is a base
  std::optional<NormKind> query_key_norm;  ///< of every head's queries and keys, before they turn
  std::optional<NormKind> inner_norm;      ///< of the heads' outputs together, before the output projection
  double query_std = 0;
  double key_std = 0;
  double value_std = 0;
  double output_std = 0;
  double bias_std = 0;
};

struct Component;

/// y = skip · x + branch · f(x).
struct Residual {
  double skip = 1;
  double branch = 1;
  std::vector<Component> of;
};

/// The same list, `times` times, with fresh weights or, tied, with the first turn's. At the outer level one turn is one layer.
struct Repeat {
  std::size_t times = 1;
  std::vector<Component> of;
  bool tied = false;
};

/// Lists that read the same signal side by side: y = Σ f(x).
struct Parallel {
  std::vector<std::vector<Component>> of;
};

/// `count` lists with weights of their own. Every token goes through `chosen` of them, drawn uniformly and anew for each token, and gets
/// the mean of their outputs: a mixture of experts whose router does not tell tokens apart yet.
struct Experts {
  std::size_t count = 1;
  std::size_t chosen = 1;
  std::vector<Component> of;
};

/// One building block. `point` names the place after it in the profile; empty for none.
struct Component {
  std::variant<Linear, GatedLinear, Activation, Dropout, Norm, Attention, Residual, Repeat, Parallel, Experts> op;
  std::string point;
};

/// Sum of embedding tables of equal variance.
struct Embedding {
  double vocabulary = 0;
  bool token = true;
  bool position = false;
  bool segment = false;
  double std = 0;

  [[nodiscard]] int tables() const { return int{token} + int{position} + int{segment}; }
};

/// A normal input given by its moments; sequences are independent.
struct GivenInput {
  double mean = 0;
  double variance = 1;
  double token_correlation = 0;
};

/// A whole model with the gradient that enters at its output.
struct Network {
  std::string name;
  double sequence_length = 1;
  double batch = 1;
  std::size_t width = 0;  ///< of the input
  std::variant<GivenInput, Embedding> source;
  std::vector<Component> input;  ///< between the source and the point "input"
  std::vector<Component> body;
  std::vector<Component> encoder;  ///< of an encoder–decoder model, else empty
  double gradient_variance = 1;
  double gradient_token_correlation = 0;
  double gradient_cross_correlation = 0;  ///< between tokens of two sequences
  profile::Thresholds thresholds;
};

/// The lists inside a component, in the order of a forward pass.
[[nodiscard]] std::vector<const std::vector<Component>*> lists_in(const Component& component);

/// Calls f for every component of the list and of the lists inside, one inside after the one that holds it.
template <class F>
void for_each_component(const std::vector<Component>& list, const F& f) {
  for (const Component& component : list) {
    f(component);
    for (const std::vector<Component>* inner : lists_in(component)) for_each_component(*inner, f);
  }
}

/// Every attention of the network without its mask.
void remove_masks(Network& network);

/// True if the component, or one inside it, has weights.
[[nodiscard]] bool has_weights(const Component& component);

/// True if every component maps a token's scale through: f(a x) = a f(x) for a > 0 (GELU and SiLU count, being near it).
[[nodiscard]] bool is_homogeneous(const std::vector<Component>& list);

/// Name of a component's kind as it stands in a spec: "linear", "attention", ...
[[nodiscard]] const char* kind_name(const Component& component);

}  // namespace sigprop::network
