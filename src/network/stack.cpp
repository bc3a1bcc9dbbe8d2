// SPDX-License-Identifier: Apache-2.0
#include "sigprop/network/stack.hpp"

#include <algorithm>
#include <utility>

namespace sigprop::network {
namespace {

using Components = std::vector<Component>;

Attention with_std(Attention attention, const Stack& stack, const LayerStd& std) {
  if (stack.inner_norm) attention.inner_norm = stack.norm;
  attention.query_std = std.query;
  attention.key_std = std.key;
  attention.value_std = std.value;
  attention.output_std = std.output;
  attention.bias_std = std.bias;
  return attention;
}

Components ffn_of(const Stack& stack, const LayerStd& std, std::size_t width) {
  Components list;
  if (stack.gated) {
    list.push_back({GatedLinear{stack.width, width, std.ffn_gate, std.ffn_in, std.bias, stack.activation}, ""});
  } else {
    list.push_back({Linear{stack.width, width, std.ffn_in, std.bias, "ffn_in"}, ""});
    list.push_back({Activation{stack.activation}, ""});
  }
  if (stack.inner_norm) list.push_back({Norm{*stack.norm, width, stack.norm_epsilon}, ""});
  if (stack.ffn_dropout > 0) list.push_back({Dropout{stack.ffn_dropout}, ""});
  list.push_back({Linear{width, stack.width, std.ffn_out, std.ffn_out_bias, "ffn_out"}, ""});
  return list;
}

/// The feed-forward network, or the experts in its place.
Components ffn_or_experts(const Stack& stack, const LayerStd& std) {
  Components one = ffn_of(stack, std, stack.ffn_width);
  if (stack.experts == 0) return one;
  Components routed = {
      {Experts{stack.experts, stack.chosen_experts, std::move(one), stack.router_std, stack.width, stack.router}, ""}};
  if (stack.routed_scale != 1) routed = {{Residual{0, stack.routed_scale, std::move(routed)}, ""}};
  if (stack.shared_width == 0) return routed;
  Components shared = ffn_of(stack, std, stack.shared_width);
  // A gate is a router of one expert.
  if (stack.shared_gate)
    shared = {{Experts{1, 1, std::move(shared), stack.router_std, stack.width, Router::plain_sigmoid}, ""}};
  return {{Parallel{{std::move(routed), std::move(shared)}}, ""}};
}

/// The norm of a branch; a gain other than 1 is a residual without a skip.
Component norm_of(const Stack& stack, double gain) {
  Component norm{Norm{*stack.norm, stack.width, stack.norm_epsilon}, ""};
  if (gain == 1) return norm;
  return {Residual{0, gain, {norm}}, ""};
}

/// What one branch computes, without norm, and the name of the point after it.
struct Function {
  Components list;
  const char* point;
};

Components with_dropout(double probability, Components list) {
  if (probability > 0) list.push_back({Dropout{probability}, ""});
  return list;
}

Function function_of(const Stack& stack, std::size_t branch) {
  const LayerStd& std = stack.std[branch / stack.branches_per_layer()];
  const std::size_t place = branch % stack.branches_per_layer();
  const double dropout = stack.dropout[branch];
  const Components attention = with_dropout(dropout, {{with_std(stack.attention, stack, std), ""}});
  const auto ffn = [&] { return with_dropout(dropout, ffn_or_experts(stack, std)); };
  if (stack.parallel) return {{{Parallel{{attention, ffn()}}, ""}}, "parallel"};
  if (place == 0) return {attention, "attention"};
  if (place + 1 == stack.branches_per_layer()) return {ffn(), "ffn"};
  return {with_dropout(dropout, {{with_std(*stack.cross_attention, stack, of_cross_attention(std)), ""}}),
          "cross_attention"};
}

Components layer_of(const Stack& stack, std::size_t index) {
  const std::size_t count = stack.branches_per_layer();
  Components layer;
  for (std::size_t branch = index * count; branch < (index + 1) * count; ++branch) {
    for (Component& component : residual_of(stack, branch)) layer.push_back(std::move(component));
  }
  return layer;
}

bool same_layer(const Stack& stack, std::size_t a, std::size_t b) {
  if (!(stack.std[a] == stack.std[b])) return false;
  const std::size_t count = stack.branches_per_layer();
  for (std::size_t i = 0; i < count; ++i) {
    if (stack.skip[a * count + i] != stack.skip[b * count + i]) return false;
    if (stack.branch[a * count + i] != stack.branch[b * count + i]) return false;
    if (stack.gain[a * count + i] != stack.gain[b * count + i]) return false;
    if (stack.dropout[a * count + i] != stack.dropout[b * count + i]) return false;
  }
  return true;
}

const char* name_of(Placement placement) {
  switch (placement) {
    case Placement::pre:
      return "Pre";
    case Placement::post:
      return "Post";
    case Placement::sandwich:
      return "Sandwich";
    case Placement::output:
      break;
  }
  return "Output";
}

}  // namespace

LayerStd of_cross_attention(const LayerStd& layer) {
  LayerStd out = layer;
  out.query = layer.cross_query.value_or(layer.query);
  out.key = layer.cross_key.value_or(layer.key);
  out.value = layer.cross_value.value_or(layer.value);
  out.output = layer.cross_output.value_or(layer.output);
  return out;
}

std::string norm_name(const Stack& stack) {
  if (!stack.norm) return "none";
  return std::string(name_of(stack.placement)) + (*stack.norm == NormKind::layer_norm ? "-LN" : "-RMSNorm");
}

std::vector<Component> residual_of(const Stack& stack, std::size_t branch) {
  const auto norm_at = [&](Placement a, Placement b) {
    return stack.norm && (stack.placement == a || stack.placement == b);
  };
  Function f = function_of(stack, branch);
  if (norm_at(Placement::pre, Placement::sandwich)) f.list.insert(f.list.begin(), norm_of(stack, stack.gain[branch]));
  if (norm_at(Placement::output, Placement::output)) f.list.push_back(norm_of(stack, stack.gain[branch]));
  if (norm_at(Placement::sandwich, Placement::sandwich)) f.list.push_back(norm_of(stack, 1));
  Components out;
  out.push_back({Residual{stack.skip[branch], stack.branch[branch], std::move(f.list), stack.learned_branch}, ""});
  if (norm_at(Placement::post, Placement::post)) out.push_back(norm_of(stack, stack.gain[branch]));
  out.back().point = f.point;
  return out;
}

std::vector<Component> components_of(const Stack& stack) {
  Components list;
  for (std::size_t first = 0; first < stack.layers();) {
    std::size_t last = first;
    while (last + 1 < stack.layers() && same_layer(stack, first, last + 1)) ++last;
    list.push_back({Repeat{last - first + 1, layer_of(stack, first), stack.tied}, ""});
    first = last + 1;
  }
  if (stack.norm && stack.final_norm) list.push_back(norm_of(stack, stack.final_gain));
  if (stack.final_dropout > 0) list.push_back({Dropout{stack.final_dropout}, ""});
  return list;
}

}  // namespace sigprop::network
