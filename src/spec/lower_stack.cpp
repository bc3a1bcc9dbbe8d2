// SPDX-License-Identifier: Apache-2.0
#include "spec/lower_stack.hpp"

#include <cmath>

#include "sigprop/network/stack.hpp"
#include "sigprop/scheme/scheme.hpp"
#include "spec/fields.hpp"
#include "spec/names.hpp"
#include "spec/validate.hpp"

namespace sigprop::spec {
namespace {

using Errors = std::vector<std::string>;
using network::LayerStd;

struct WeightClass {
  const char* name;
  double LayerStd::*std;
  bool gated_only;
  double fallback;  ///< negative: must be given where there is no scheme
};

constexpr WeightClass weight_classes[] = {
    {"query", &LayerStd::query, false, -1},     {"key", &LayerStd::key, false, -1},
    {"value", &LayerStd::value, false, -1},     {"output", &LayerStd::output, false, -1},
    {"ffn_in", &LayerStd::ffn_in, false, -1},   {"ffn_gate", &LayerStd::ffn_gate, true, -1},
    {"ffn_out", &LayerStd::ffn_out, false, -1}, {"bias", &LayerStd::bias, false, 0},
};

/// One number, or one of `values`, for each of `wanted` places; `what` names a place in the message.
std::vector<double> one_or_each(const Json& json, std::size_t wanted, const std::string& pointer,
                                const std::string& what, Errors& errors) {
  if (json.is_number()) return std::vector<double>(wanted, json.get<double>());
  if (json.size() != wanted) {
    errors.push_back(pointer + " has " + counted(json.size()) + ", but must be one number or " +
                     std::to_string(wanted) + ", one per " + what);
    return std::vector<double>(wanted, 0.0);
  }
  return json.get<std::vector<double>>();
}

void apply_std(const Json& spec, network::Stack& stack, const scheme::Scheme* scheme, Errors& errors) {
  const Json& std = member(member(spec, "init"), "std");
  for (const WeightClass& weight : weight_classes) {
    const std::string pointer = std::string("/init/std/") + weight.name;
    if (std.contains(weight.name)) {
      if (weight.gated_only && !stack.gated) {
        errors.push_back(pointer + " is given, but the FFN is not gated: remove it or set \"gated\": true");
        continue;
      }
      const std::vector<double> values = one_or_each(std.at(weight.name), stack.layers(), pointer, "layer", errors);
      for (std::size_t i = 0; i < stack.layers(); ++i) stack.std[i].*weight.std = values[i];
    } else if (scheme == nullptr && weight.fallback < 0 && (stack.gated || !weight.gated_only)) {
      errors.push_back(pointer +
                       " is missing, but must be a number in [0, 1000000] where init has no scheme (for example 0.02)");
    }
  }
}

scheme::Sizes sizes_of(const network::Stack& stack) {
  const auto real = [](std::size_t n) { return static_cast<double>(n); };
  return {real(stack.layers()), real(stack.width), real(stack.attention.heads), real(stack.attention.head_width),
          real(stack.ffn_width)};
}

void lower_init(const Json& spec, network::Stack& stack, std::optional<double>& embedding_std, Errors& errors) {
  const Json& init = member(spec, "init");
  const scheme::Scheme* scheme = init.contains("scheme") ? scheme::find(init.at("scheme").get<std::string>()) : nullptr;
  if (scheme != nullptr) {
    for (LayerStd& std : stack.std) std = scheme->weights(sizes_of(stack));
    embedding_std = scheme->embedding(sizes_of(stack));
  }
  apply_std(spec, stack, scheme, errors);
  const Json& std = member(init, "std");
  if (std.contains("embedding")) embedding_std = std.at("embedding").get<double>();
}

void lower_norm(const Json& json, network::Stack& stack, const std::string& stack_pointer, Errors& errors) {
  const std::string kind = text(json, "kind", "none");
  const std::string placement = text(json, "placement", "pre");
  stack.placement = placement == "post" ? network::Placement::post : network::Placement::pre;
  if (kind == "none") {
    if (json.contains("final") && json.at("final").get<bool>()) {
      errors.push_back(
          stack_pointer +
          "/norm/final is true, but must be false where kind is none: name the kind of norm or remove final");
    }
    return;
  }
  if (stack.width < 2) {
    errors.push_back(
        stack_pointer +
        "/width is 1, but must be at least 2 where there is a norm: widen it or set the norm's kind to none");
  }
  stack.norm = value_of(norm_names, kind);
  stack.final_norm = json.contains("final") ? json.at("final").get<bool>() : placement == "pre";
}

}  // namespace

network::Attention lower_attention(const Json& json, std::size_t width, double sequence_length,
                                   const std::string& pointer, Errors& errors) {
  network::Attention out;
  out.width = width;
  out.heads = count(json, "heads", 1);
  out.kv_heads = count(json, "kv_heads", out.heads);
  out.head_width = count(json, "head_width", width / out.heads);
  out.mask = value_of(mask_names, text(json, "mask", "none"));
  out.dropout = number(json, "dropout", 0);
  if (json.contains("rotary_base")) out.rotary_base = json.at("rotary_base").get<double>();
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

std::vector<network::Component> lower_stack(const Json& spec, const std::string& key,
                                            std::optional<double>& embedding_std, Errors& errors) {
  const Json& json = spec.at(key);
  const std::string pointer = "/" + key;
  const double length = number(spec, "sequence_length", 1);
  network::Stack stack;
  stack.width = count(json, "width", 1);
  stack.attention = lower_attention(json.at("attention"), stack.width, length, pointer + "/attention", errors);
  if (json.contains("cross_attention")) {
    stack.cross_attention =
        lower_attention(json.at("cross_attention"), stack.width, length, pointer + "/cross_attention", errors);
    stack.cross_attention->cross = true;
  }
  const Json& ffn = json.at("ffn");
  stack.ffn_width = count(ffn, "width", 1);
  stack.activation = value_of(activation_names, text(ffn, "activation", "gelu"));
  stack.gated = ffn.contains("gated") && ffn.at("gated").get<bool>();
  lower_norm(json.at("norm"), stack, pointer, errors);
  stack.std.resize(count(json, "layers", 1));
  lower_init(spec, stack, embedding_std, errors);
  const Json& residual = member(json, "residual");
  stack.dropout = number(residual, "dropout", 0);
  const std::size_t branches = stack.layers() * stack.branches_per_layer();
  const auto scales = [&](const char* name) {
    const Json value = residual.contains(name) ? residual.at(name) : Json(1.0);
    return one_or_each(value, branches, pointer + "/residual/" + name, "residual branch", errors);
  };
  stack.skip = scales("skip");
  stack.branch = scales("branch");
  return errors.empty() ? network::components_of(stack) : std::vector<network::Component>{};
}

}  // namespace sigprop::spec
