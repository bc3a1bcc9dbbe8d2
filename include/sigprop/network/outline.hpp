// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sigprop/network/network.hpp"

namespace sigprop::network {

/// The places of a network that a profile reports, in the order in which a forward pass meets them. Of an encoder–decoder model the
/// encoder's come first, and all paths begin with "encoder/" or "decoder/".
struct Outline {
  struct Point {
    std::string path;       ///< "input", "layer 3/ffn"
    std::size_t layer = 0;  ///< 0 for an input, else counting from 1 through the whole model
    std::size_t width = 0;
  };
  struct Weight {
    std::string name;  ///< unique within its layer: a second "linear" is "linear_2"
    double std = 0;
  };
  struct Layer {
    std::string path;  ///< "layer 3"
    bool attention = false;
    bool cross_attention = false;
    std::vector<Weight> weights;
  };
  std::vector<Point> points;
  std::vector<Layer> layers;
  struct PlaceOfWeight {
    std::size_t layer = 0;  ///< index into layers
    std::size_t index = 0;  ///< among the layer's weights
  };
  std::vector<PlaceOfWeight> place_of_weight;  ///< in forward order through the whole model
};

[[nodiscard]] Outline outline_of(const Network& network);

/// How many weights a component has itself, without those of lists inside.
template <class Op>
inline constexpr std::size_t weight_count = 0;
template <class Size, class Real>
inline constexpr std::size_t weight_count<BasicLinear<Size, Real>> = 1;
template <class Size, class Real>
inline constexpr std::size_t weight_count<BasicGatedLinear<Size, Real>> = 2;
template <class Size, class Real>
inline constexpr std::size_t weight_count<BasicAttention<Size, Real>> = 4;

/// One layer of a network, by its number from 1 in the outline, as a network of its own: its outer components, repeats unrolled, without
/// an input list and with a source that says nothing.
[[nodiscard]] Network layer_alone(const Network& network, const Outline& outline, std::size_t layer);

/// The first of the outline's points that belongs to a layer; as many as there are for a layer without any.
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

/// Does some attention of the network, cross-attention aside, have a causal mask?
[[nodiscard]] bool has_mask(const Network& network);

}  // namespace sigprop::network
