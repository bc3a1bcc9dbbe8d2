// SPDX-License-Identifier: Apache-2.0
#include "sigprop/network/stack.hpp"

#include <algorithm>
#include <utility>

namespace sigprop::network {
namespace {

using Components = std::vector<Component>;

Attention with_std(Attention attention, const LayerStd& std) {
  attention.query_std = std.query;
  attention.key_std = std.key;
  attention.value_std = std.value;
  attention.output_std = std.output;
  attention.bias_std = std.bias;
  return attention;
}

Components ffn_of(const Stack& stack, const LayerStd& std) {
  Components list;
  if (stack.gated) {
    list.push_back(
        {GatedLinear{stack.width, stack.ffn_width, std.ffn_gate, std.ffn_in, std.bias, stack.activation}, ""});
  } else {
    list.push_back({Linear{stack.width, stack.ffn_width, std.ffn_in, std.bias, "ffn_in"}, ""});
    list.push_back({Activation{stack.activation}, ""});
  }
  list.push_back({Linear{stack.ffn_width, stack.width, std.ffn_out, std.bias, "ffn_out"}, ""});
  return list;
}

/// One residual branch with its norm and dropout; the point comes after the norm of a Post-LN stack.
void add_branch(Components& layer, const Stack& stack, Components branch, std::size_t index, const char* point) {
  const bool pre = stack.norm && stack.placement == Placement::pre;
  const bool post = stack.norm && stack.placement == Placement::post;
  if (pre) branch.insert(branch.begin(), Component{Norm{*stack.norm, stack.width}, ""});
  if (stack.dropout > 0) branch.push_back({Dropout{stack.dropout}, ""});
  layer.push_back({Residual{stack.skip[index], stack.branch[index], std::move(branch)}, post ? "" : point});
  if (post) layer.push_back({Norm{*stack.norm, stack.width}, point});
}

Components layer_of(const Stack& stack, std::size_t index) {
  const LayerStd& std = stack.std[index];
  std::size_t branch = index * stack.branches_per_layer();
  Components layer;
  add_branch(layer, stack, {{with_std(stack.attention, std), ""}}, branch++, "attention");
  if (stack.cross_attention)
    add_branch(layer, stack, {{with_std(*stack.cross_attention, std), ""}}, branch++, "cross_attention");
  add_branch(layer, stack, ffn_of(stack, std), branch, "ffn");
  return layer;
}

bool same_layer(const Stack& stack, std::size_t a, std::size_t b) {
  if (!(stack.std[a] == stack.std[b])) return false;
  const std::size_t count = stack.branches_per_layer();
  for (std::size_t i = 0; i < count; ++i) {
    if (stack.skip[a * count + i] != stack.skip[b * count + i]) return false;
    if (stack.branch[a * count + i] != stack.branch[b * count + i]) return false;
  }
  return true;
}

}  // namespace

std::vector<Component> components_of(const Stack& stack) {
  Components list;
  for (std::size_t first = 0; first < stack.layers();) {
    std::size_t last = first;
    while (last + 1 < stack.layers() && same_layer(stack, first, last + 1)) ++last;
    list.push_back({Repeat{last - first + 1, layer_of(stack, first)}, ""});
    first = last + 1;
  }
  if (stack.norm && stack.final_norm) list.push_back({Norm{*stack.norm, stack.width}, ""});
  return list;
}

}  // namespace sigprop::network
