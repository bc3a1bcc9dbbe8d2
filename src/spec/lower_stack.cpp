// SPDX-License-Identifier: Apache-2.0
#include "spec/lower_stack.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "spec/fields.hpp"
#include "spec/lower_init.hpp"
#include "spec/names.hpp"
#include "spec/validate.hpp"

namespace sigprop::spec {
namespace {

using Errors = std::vector<std::string>;

void lower_norm(const Json& json, network::Stack& stack, const std::string& stack_pointer, Errors& errors) {
  const std::string kind = text(json, "kind", "none");
  stack.placement = value_of(placement_names, text(json, "placement", "pre"));
  if (kind == "none") {
    for (const char* name : {"final", "inner"}) {
      if (flag(json, name, false)) {
        errors.push_back(stack_pointer + "/norm/" + name +
                         " is true, but must be false where kind is none: name the kind of norm or remove " + name);
      }
    }
    for (const std::string name : {"gain", "epsilon", "final_gain"}) {
      if (json.contains(name))
        errors.push_back(stack_pointer + "/norm/" + name +
                         " is given, but kind is none: name the kind of norm or remove " + name);
    }
    return;
  }
  if (stack.width < 2) {
    errors.push_back(
        stack_pointer +
        "/width is 1, but must be at least 2 where there is a norm: widen it or set the norm's kind to none");
  }
  stack.norm = value_of(norm_names, kind);
  stack.norm_epsilon = number(json, "epsilon", 0);
  stack.final_norm = flag(json, "final", stack.placement != network::Placement::post);
  stack.final_gain = number(json, "final_gain", 1);
  if (json.contains("final_gain") && !stack.final_norm)
    errors.push_back(stack_pointer +
                     "/norm/final_gain is given, but there is no final norm: remove it or set final to true");
}

void lower_experts(const Json& ffn, const std::string& pointer, network::Stack& stack, Errors& errors) {
  stack.experts = count(ffn, "experts", 0);
  stack.chosen_experts = count(ffn, "top_k", 1);
  stack.router_std = number(ffn, "router_std", 0);
  stack.router = value_of(router_names, text(ffn, "router", "softmax"));
  stack.routed_scale = number(ffn, "routed_scale", 1);
  stack.shared_width = count(ffn, "shared_width", 0);
  stack.shared_gate = flag(ffn, "shared_gate", false);
  if (stack.shared_gate && stack.shared_width == 0)
    errors.push_back(pointer + "/shared_gate is true, but there is nothing shared: remove it or give shared_width");
  for (const std::string name : {"router", "shared_gate"}) {
    if (ffn.contains(name) && stack.router_std == 0)
      errors.push_back(pointer + "/" + name + " is given, but router_std is not above 0: remove it or give router_std");
  }
  if (stack.experts > 0) return check_top_k(stack.chosen_experts, stack.experts, pointer, errors);
  for (const std::string name : {"top_k", "router_std", "routed_scale", "shared_width"}) {
    if (ffn.contains(name))
      errors.push_back(pointer + "/" + name +
                       " is given, but there are no experts: remove it or give their number (\"experts\": 8)");
  }
}

/// Sizes, norm and dropout of a stack; its deviations are 0 and its scales 1.
network::Stack shape_of(const Json& json, const std::string& pointer, double sequence_length, Errors& errors) {
  network::Stack stack;
  stack.width = count(json, "width", 1);
  stack.attention = lower_attention(json.at("attention"), stack.width, sequence_length, pointer + "/attention", errors);
  if (json.contains("cross_attention")) {
    stack.cross_attention =
        lower_attention(json.at("cross_attention"), stack.width, sequence_length, pointer + "/cross_attention", errors);
    stack.cross_attention->cross = true;
  }
  const Json& ffn = json.at("ffn");
  stack.ffn_width = count(ffn, "width", 1);
  stack.activation = value_of(activation_names, text(ffn, "activation", "gelu"));
  stack.gated = flag(ffn, "gated", false);
  stack.ffn_dropout = number(ffn, "dropout", 0);
  lower_experts(ffn, pointer + "/ffn", stack, errors);
  stack.parallel = flag(json, "parallel", false);
  stack.tied = flag(json, "tied", false);
  if (stack.parallel && stack.cross_attention) {
    errors.push_back(pointer + "/parallel is true, but must be false where there is cross_attention: remove it");
  }
  stack.final_dropout = number(json, "final_dropout", 0);
  stack.learned_branch = flag(member(json, "residual"), "learned_branch", false);
  lower_norm(json.at("norm"), stack, pointer, errors);
  stack.attention.norm_epsilon = number(json.at("attention"), "norm_epsilon", stack.norm_epsilon);
  if (stack.cross_attention)
    stack.cross_attention->norm_epsilon = number(json.at("cross_attention"), "norm_epsilon", stack.norm_epsilon);
  stack.std.resize(count(json, "layers", 1));
  for (std::vector<double>* scale : {&stack.skip, &stack.branch, &stack.gain}) scale->assign(stack.branches(), 1);
  stack.dropout.assign(stack.branches(), 0);
  return stack;
}

/// The spec's numbers, one for each residual branch, where it has some.
void read_scales(const Json& json, const char* name, const std::string& pointer, std::vector<double>& scales,
                 Errors& errors) {
  if (json.contains(name))
    scales = one_or_each(json.at(name), scales.size(), pointer + "/" + name, "residual branch", errors);
}

scheme::Task task_of(const Json& spec, const std::string& key, const network::Stack& stack,
                     const network::Network& model) {
  scheme::Task task;
  task.stack = stack;
  task.skip_is_set = member(spec.at(key), "residual").contains("skip");
  task.branch_is_set = member(spec.at(key), "residual").contains("branch");
  task.model = model;
  task.decoder = key == "decoder";
  if (key != "stack") task.other_layers = count(spec.at(task.decoder ? "encoder" : "decoder"), "layers", 1);
  return task;
}

/// A scheme's factor on scores, where the spec has none of its own.
void set_score_scale(const Json& json, double scale, network::Stack& stack) {
  if (!json.at("attention").contains("score_scale")) stack.attention.score_scale = scale;
  if (stack.cross_attention && !json.at("cross_attention").contains("score_scale"))
    stack.cross_attention->score_scale = scale;
}

/// The features that turn come in pairs.
void lower_rotary(const Json& json, network::Attention& out, const std::string& pointer, Errors& errors) {
  if (!json.contains("rotary_base")) {
    if (json.contains("rotary_width"))
      errors.push_back(pointer +
                       "/rotary_width is given, but there are no rotary positions: remove it or give rotary_base");
    return;
  }
  if (out.head_width == 1) {
    errors.push_back(
        pointer +
        "/rotary_base is given for heads of width 1, but features turn in pairs: widen the heads or remove it");
    return;
  }
  out.rotary_base = json.at("rotary_base").get<double>();
  out.rotary_width = count(json, "rotary_width", out.head_width);
  if (out.rotary_width % 2 == 0 && out.rotary_width <= out.head_width) return;
  const bool given = json.contains("rotary_width");
  errors.push_back(pointer +
                   (given ? "/rotary_width is " + std::to_string(out.rotary_width) + ", but must be"
                          : "/rotary_base is given for heads of width " + std::to_string(out.head_width) +
                                ", but rotary_width must be given,") +
                   " even and at most the head width, " + std::to_string(out.head_width) + ": features turn in pairs");
}

/// Layers that share their weights must share their scales.
void check_tied(const network::Stack& stack, const std::string& pointer, Errors& errors) {
  const std::size_t each = stack.branches_per_layer();
  const auto varies = [&](const std::vector<double>& scales) {
    return !std::equal(scales.begin() + static_cast<std::ptrdiff_t>(each), scales.end(), scales.begin());
  };
  const bool std_varies =
      std::adjacent_find(stack.std.begin(), stack.std.end(), std::not_equal_to<>()) != stack.std.end();
  if (stack.tied &&
      (std_varies || varies(stack.skip) || varies(stack.branch) || varies(stack.dropout) || varies(stack.gain))) {
    errors.push_back(
        pointer +
        "/tied is true, but standard deviations, skip, branch, dropout or gain differ between layers: give all layers "
        "the same, or set tied to false");
  }
}

}  // namespace

void check_top_k(std::size_t chosen, std::size_t count, const std::string& pointer, Errors& errors) {
  if (chosen <= count) return;
  errors.push_back(pointer + "/top_k is " + std::to_string(chosen) + ", but must be at most the number of experts, " +
                   std::to_string(count) + ": lower it or add experts");
}

network::Attention lower_attention(const Json& json, std::size_t width, double sequence_length,
                                   const std::string& pointer, Errors& errors) {
  network::Attention out;
  out.width = width;
  out.heads = count(json, "heads", 1);
  out.kv_heads = count(json, "kv_heads", out.heads);
  out.head_width = count(json, "head_width", width / out.heads);
  out.mask = value_of(mask_names, text(json, "mask", "none"));
  out.dropout = number(json, "dropout", 0);
  lower_rotary(json, out, pointer, errors);
  out.norm_epsilon = number(json, "norm_epsilon", 0);
  if (json.contains("query_key_norm")) {
    out.query_key_norm = value_of(norm_names, text(json, "query_key_norm", ""));
    out.query_key_norm_of_all = text(json, "query_key_norm_over", "head") == "all_heads";
    const std::size_t features = out.head_width * (out.query_key_norm_of_all ? out.kv_heads : 1);
    if (features == 1)
      errors.push_back(pointer +
                       "/query_key_norm normalizes heads of width 1, but they must have at least 2 features: widen "
                       "them or remove it");
  } else if (json.contains("query_key_norm_over")) {
    errors.push_back(pointer +
                     "/query_key_norm_over is given, but there is no query_key_norm: name that norm or remove it");
  }
  if (!json.contains("head_width") && (out.head_width == 0 || width % out.heads != 0)) {
    errors.push_back(pointer + "/heads is " + std::to_string(out.heads) + ", but must divide the width, " +
                     std::to_string(width) + ": change one of them or give head_width");
  }
  if (out.kv_heads > out.heads || out.heads % out.kv_heads != 0) {
    errors.push_back(pointer + "/kv_heads is " + std::to_string(out.kv_heads) +
                     ", but must divide the number of heads, " + std::to_string(out.heads));
  }
  if (sequence_length < 2) {
    errors.push_back("/sequence_length is 1, but must be at least 2 where there is attention (" + pointer + ")");
  }
  out.score_scale =
      number(json, "score_scale", out.head_width == 0 ? 1.0 : 1 / std::sqrt(static_cast<double>(out.head_width)));
  return out;
}

LoweredStack lower_stack(const Json& spec, const std::string& key, const network::Network& model, Errors& errors) {
  const Json& json = spec.at(key);
  const std::string pointer = "/" + key;
  LoweredStack out;
  network::Stack& stack = out.stack;
  stack = shape_of(json, pointer, model.length(), errors);
  const Json &norm = json.at("norm"), &residual = member(json, "residual");
  read_scales(residual, "skip", pointer + "/residual", stack.skip, errors);
  read_scales(residual, "branch", pointer + "/residual", stack.branch, errors);
  read_scales(residual, "dropout", pointer + "/residual", stack.dropout, errors);
  read_scales(norm, "gain", pointer + "/norm", stack.gain, errors);
  stack.inner_norm = stack.norm && flag(norm, "inner", false);
  const scheme::Task task = task_of(spec, key, stack, model);
  const scheme::Settings settings = lower_init(spec, key, task, errors);
  stack.std = settings.std;
  if (!task.skip_is_set && !settings.skip.empty()) stack.skip = settings.skip;
  if (!task.branch_is_set && !settings.branch.empty()) stack.branch = settings.branch;
  if (!residual.contains("learned_branch")) stack.learned_branch = settings.learned_branch;
  if (!norm.contains("gain") && !settings.gain.empty()) stack.gain = settings.gain;
  if (!norm.contains("inner")) stack.inner_norm = settings.inner_norm;
  if (settings.score_scale) set_score_scale(json, *settings.score_scale, stack);
  if (errors.empty()) check_tied(stack, pointer, errors);
  out.embedding_std = settings.embedding;
  out.truncation = settings.truncation;
  return out;
}

}  // namespace sigprop::spec
