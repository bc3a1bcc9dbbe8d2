// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sigprop/network/network.hpp"

namespace sigprop::network {

/// Standard deviations of one layer's weights.
struct LayerStd {
  double query = 0;
  double key = 0;
  double value = 0;
  double output = 0;
  double ffn_in = 0;
  double ffn_gate = 0;
  double ffn_out = 0;
  double bias = 0;  ///< of all linear maps but ffn_out
  double ffn_out_bias = 0;
  std::optional<double> cross_query;  ///< of a cross-attention, where they are not those of its self-attention
  std::optional<double> cross_key;
  std::optional<double> cross_value;
  std::optional<double> cross_output;

  [[nodiscard]] bool operator==(const LayerStd&) const = default;
};

/// The deviations of a layer's cross-attention, under the names of its self-attention.
[[nodiscard]] LayerStd of_cross_attention(const LayerStd& layer);

/// Where a branch has its norms: before what it computes, behind the residual sum, before and
/// behind what it computes, or behind only.
enum class Placement { pre, post, sandwich, output };

/// A stack of transformer layers: attention, then (in a decoder) cross-attention, then a
/// feed-forward network, each on a residual branch. A parallel one has attention and feed-forward
/// network side by side on one branch.
struct Stack {
  std::size_t width = 0;
  Attention attention;  ///< without its standard deviations
  std::optional<Attention> cross_attention;
  std::size_t ffn_width = 0;
  ActivationKind activation = ActivationKind::gelu;
  bool gated = false;
  std::size_t experts =
      0;  ///< feed-forward networks of which a token takes `chosen_experts`; 0 for one that all tokens take
  std::size_t chosen_experts = 1;
  double router_std = 0;  ///< of the weights that choose them; 0 for a choice at random
  Router router = Router::softmax;
  double routed_scale = 1;       ///< factor on what they say together
  std::size_t shared_width = 0;  ///< of one more network that all tokens take, beside the experts; 0 for none
  bool shared_gate = false;      ///< its output is multiplied by the sigmoid of a map of its own, of router_std
  bool parallel = false;
  bool tied = false;             ///< all layers have the first one's weights
  std::optional<NormKind> norm;  ///< none for a stack without norms
  Placement placement = Placement::pre;
  bool final_norm = false;
  double final_gain = 1;      ///< of that norm
  bool inner_norm = false;    ///< one more norm before the output projection and before ffn_out
  double norm_epsilon = 0;    ///< of all norms but those of heads' queries and keys
  double ffn_dropout = 0;     ///< before ffn_out
  double final_dropout = 0;   ///< of the stack's output
  std::vector<LayerStd> std;  ///< one a layer
  std::vector<double> skip;   ///< one a residual branch, in order
  std::vector<double> branch;
  std::vector<double> dropout;  ///< at a branch's end
  bool learned_branch = false;  ///< `branch` is a parameter, which may start at 0
  std::vector<double> gain;     ///< of the branch's norm

  [[nodiscard]] std::size_t layers() const { return std.size(); }
  [[nodiscard]] std::size_t branches_per_layer() const { return parallel ? 1 : cross_attention ? 3 : 2; }
  [[nodiscard]] std::size_t branches() const { return layers() * branches_per_layer(); }
};

/// Placement and kind: "Pre-LN", "Post-RMSNorm", "Sandwich-LN", "Output-LN"; "none" without norms.
[[nodiscard]] std::string norm_name(const Stack& stack);

/// One residual branch of a stack, counting from 0 in the order of the forward pass: its sum, and
/// the norm after it if it is Post-LN.
[[nodiscard]] std::vector<Component> residual_of(const Stack& stack, std::size_t branch);

/// The component list behind a stack: equal neighbouring layers folded into repeats, points named
/// "attention", "cross_attention" and "ffn", or "parallel". `skip`, `branch`, `dropout` and `gain` must
/// hold branches() values.
[[nodiscard]] std::vector<Component> components_of(const Stack& stack);

}  // namespace sigprop::network
