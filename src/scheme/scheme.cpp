// SPDX-License-Identifier: Apache-2.0
#include "sigprop/scheme/scheme.hpp"

#include <cmath>

namespace sigprop::scheme {
namespace {

using network::LayerStd;

constexpr double transformer_std = 0.02;  // of BERT, GPT-2 and their descendants

/// A standard deviation by fan-in and fan-out for every weight; the fan-out of queries, keys and values is one head's.
template <class F>
LayerStd by_fan(const Sizes& s, F&& std) {
  LayerStd out;
  out.query = out.key = out.value = std(s.width, s.head_width);
  out.output = std(s.heads * s.head_width, s.width);
  out.ffn_in = out.ffn_gate = std(s.width, s.ffn_width);
  out.ffn_out = std(s.ffn_width, s.width);
  return out;
}

LayerStd uniform(double std) {
  return {std, std, std, std, std, std, std, 0};
}

LayerStd gpt2(const Sizes& s) {
  LayerStd out = uniform(transformer_std);
  out.output = out.ffn_out = transformer_std / std::sqrt(2 * s.layers);
  return out;
}

std::optional<double> unspecified(const Sizes&) {
  return std::nullopt;
}
std::optional<double> fixed(const Sizes&) {
  return transformer_std;
}

}  // namespace

const std::vector<Scheme>& schemes() {
  static const std::vector<Scheme> list = {
      {"xavier", "sqrt(2/(fan_in + fan_out)), per-head fan-out for query, key, value; embedding sqrt(1/width)",
       "Glorot and Bengio 2010, as in the figures of arXiv:2403.09635",
       [](const Sizes& s) { return by_fan(s, [](double in, double out) { return std::sqrt(2 / (in + out)); }); },
       [](const Sizes& s) { return std::optional(std::sqrt(1 / s.width)); }},
      {"lecun", "sqrt(1/fan_in)", "LeCun et al. 1998",
       [](const Sizes& s) { return by_fan(s, [](double in, double) { return std::sqrt(1 / in); }); }, unspecified},
      {"kaiming", "sqrt(2/fan_in)", "He et al. 2015",
       [](const Sizes& s) { return by_fan(s, [](double in, double) { return std::sqrt(2 / in); }); }, unspecified},
      {"bert", "0.02", "Devlin et al. 2019; not truncated, as current libraries draw it",
       [](const Sizes&) { return uniform(transformer_std); }, fixed},
      {"gpt2", "0.02; attention and FFN outputs 0.02/sqrt(2 layers)", "Radford et al. 2019", gpt2, fixed},
  };
  return list;
}

const Scheme* find(const std::string& name) {
  for (const Scheme& scheme : schemes()) {
    if (scheme.name == name) return &scheme;
  }
  return nullptr;
}

}  // namespace sigprop::scheme
