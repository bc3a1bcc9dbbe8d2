// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "sigprop/network/network.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::network {

/// One matrix of weights that a component has.
template <class Op, class Size = std::size_t, class Real = double>
struct WeightSlot {
  using Member = Real Op::*;

  profile::WeightRole role;
  std::string_view name;  ///< as in a spec's init.std: a cross-attention's is "query" too
  Member std;
  Size out;  ///< shape (out, in)
  Size in;
};

/// The weights that a component itself has, in forward order. A name is valid as long as the
/// component.
template <class Size, class Real>
[[nodiscard]] auto weight_slots(const BasicLinear<Size, Real>& op) {
  using Op = BasicLinear<Size, Real>;
  using Slot = WeightSlot<Op, Size, Real>;
  return std::array{Slot{profile::WeightRole::linear, op.name, &Op::weight_std, op.out, op.in}};
}

template <class Size, class Real>
[[nodiscard]] auto weight_slots(const BasicGatedLinear<Size, Real>& op) {
  using profile::WeightRole;
  using Op = BasicGatedLinear<Size, Real>;
  using Slot = WeightSlot<Op, Size, Real>;
  return std::array{Slot{WeightRole::gate, "ffn_gate", &Op::gate_std, op.out, op.in},
                    Slot{WeightRole::linear, "ffn_in", &Op::weight_std, op.out, op.in}};
}

template <class Size, class Real>
[[nodiscard]] auto weight_slots(const BasicAttention<Size, Real>& op) {
  using profile::WeightRole;
  using Op = BasicAttention<Size, Real>;
  using Slot = WeightSlot<Op, Size, Real>;
  const Size heads = op.heads * op.head_width, kv_heads = op.kv_heads * op.head_width;
  return std::array{Slot{WeightRole::query, "query", &Op::query_std, heads, op.width},
                    Slot{WeightRole::key, "key", &Op::key_std, kv_heads, op.width},
                    Slot{WeightRole::value, "value", &Op::value_std, kv_heads, op.width},
                    Slot{WeightRole::output, "output", &Op::output_std, op.width, heads}};
}

/// The router of experts, where they have one.
template <class Size, class Real>
[[nodiscard]] auto weight_slots(const BasicExperts<Size, Real>& op) {
  using Op = BasicExperts<Size, Real>;
  using Slot = WeightSlot<Op, Size, Real>;
  std::vector<Slot> slots;
  if (op.has_router()) slots.push_back({profile::WeightRole::linear, "router", &Op::router_std, op.count, op.width});
  return slots;
}

/// Every other component has no weights of its own; those of the lists inside it are theirs.
template <class Op>
[[nodiscard]] constexpr std::array<WeightSlot<Op>, 0> weight_slots(const Op&) {
  return {};
}

/// The number of weights that a component itself has, where its kind says it: experts have none or
/// one.
template <class Op>
inline constexpr std::size_t weight_count = std::tuple_size_v<decltype(weight_slots(std::declval<const Op&>()))>;

/// The places of a network that a profile reports, in the order in which a forward pass meets them.
/// Of an encoder–decoder model the encoder's come first, and all paths begin with "encoder/" or
/// "decoder/".
struct Outline {
  struct Point {
    std::string path;       ///< "input", "layer 3/ffn"
    std::size_t layer = 0;  ///< 0 for an input, else counting from 1 through the whole model
    std::size_t width = 0;
  };
  struct Weight {
    std::string name;  ///< unique within its layer: a second "linear" is "linear_2"
    profile::WeightRole role = profile::WeightRole::linear;
    double std = 0;
    bool waits = false;  ///< behind a learned branch scale of 0
  };
  struct Layer {
    std::string path;  ///< "layer 3"
    bool attention = false;
    bool cross_attention = false;
    std::vector<Weight> weights;
  };
  std::vector<Point> points;
  std::vector<Layer> layers;
  struct WeightIndex {
    std::size_t layer = 0;  ///< index into layers
    std::size_t index = 0;  ///< among the layer's weights
  };
  std::vector<WeightIndex> weight_indices;  ///< in forward order through the whole model
};

[[nodiscard]] Outline outline_of(const Network& network);

/// A profile with the outline's points, layers and weights, whose quantities are still to be filled
/// in.
[[nodiscard]] profile::Profile blank_profile(const Outline& outline);

/// One layer of a network, by its number from 1 in the outline, as a network of its own: its outer
/// components, repeats unrolled, without an input list and with a source that says nothing.
[[nodiscard]] Network layer_alone(const Network& network, const Outline& outline, std::size_t layer);

/// The first of the outline's points that belongs to a layer; as many as there are for a layer
/// without any.
[[nodiscard]] std::size_t first_point(const Outline& outline, std::size_t layer);

/// Equal layers on end: a repeat at the outer level.
struct Run {
  std::size_t first = 0;  ///< layer, from 1
  std::size_t last = 0;
  std::size_t before = 0;             ///< the outline's point before the first turn
  std::size_t behind = 0;             ///< and the one at the end of the last
  std::vector<Component> components;  ///< of one turn
};

/// The run that a layer is one of; none where its neighbours differ from it.
[[nodiscard]] std::optional<Run> run_of(const Network& network, std::size_t layer);

/// Does some attention of a list, or of the lists inside, have a causal mask? Cross-attention is
/// left out.
template <class Size, class Real>
[[nodiscard]] bool has_mask(const std::vector<BasicComponent<Size, Real>>& list) {
  bool found = false;
  for_each_component(list, [&](const BasicComponent<Size, Real>& component) {
    const auto* attention = std::get_if<BasicAttention<Size, Real>>(&component.op);
    if (attention != nullptr && !attention->cross && attention->mask == Mask::causal) found = true;
  });
  return found;
}

/// Does some attention of the network, cross-attention aside, have a causal mask?
[[nodiscard]] bool has_mask(const Network& network);

/// Do its tokens differ, whatever attention sees: in the input's class tokens, or in the loss
/// gradient?
[[nodiscard]] bool has_special_tokens(const Network& network);

/// Has the network any attention?
[[nodiscard]] bool has_attention(const Network& network);

}  // namespace sigprop::network
