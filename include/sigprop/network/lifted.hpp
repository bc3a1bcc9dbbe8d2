// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "sigprop/network/network.hpp"

namespace sigprop::network {

/// A network whose sizes and numbers are all of type T, as a prediction in numbers of T reads it.
template <class T>
using Lifted = BasicNetwork<T, T>;

/// Copies plain components into components with numbers of T. A T is made from each plain number.
template <class T>
class Lift {
 public:
  using Component = BasicComponent<T, T>;

  [[nodiscard]] std::vector<Component> operator()(const std::vector<network::Component>& list) const {
    std::vector<Component> out;
    for (const network::Component& component : list) {
      std::visit([&](const auto& op) { out.push_back({(*this)(op), component.point}); }, component.op);
    }
    return out;
  }

  [[nodiscard]] BasicLinear<T, T> operator()(const Linear& op) const {
    return {size(op.in), size(op.out), T(op.weight_std), T(op.bias_std), op.name};
  }
  [[nodiscard]] BasicGatedLinear<T, T> operator()(const GatedLinear& op) const {
    return {size(op.in), size(op.out), T(op.gate_std), T(op.weight_std), T(op.bias_std), op.activation};
  }
  [[nodiscard]] Activation operator()(const Activation& op) const { return op; }
  [[nodiscard]] BasicDropout<T> operator()(const Dropout& op) const { return {T(op.probability)}; }
  [[nodiscard]] BasicNorm<T, T> operator()(const Norm& op) const { return {op.kind, size(op.width), T(op.epsilon)}; }
  [[nodiscard]] BasicAttention<T, T> operator()(const Attention& op) const {
    BasicAttention<T, T> out{.width = size(op.width),
                             .heads = size(op.heads),
                             .kv_heads = size(op.kv_heads),
                             .head_width = size(op.head_width),
                             .cross = op.cross,
                             .mask = op.mask,
                             .dropout = T(op.dropout),
                             .score_scale = T(op.score_scale),
                             .rotary_base = {},
                             .rotary_width = size(op.rotary_width),
                             .query_key_norm = op.query_key_norm,
                             .query_key_norm_of_all = op.query_key_norm_of_all,
                             .inner_norm = op.inner_norm,
                             .norm_epsilon = T(op.norm_epsilon),
                             .query_std = T(op.query_std),
                             .key_std = T(op.key_std),
                             .value_std = T(op.value_std),
                             .output_std = T(op.output_std),
                             .bias_std = T(op.bias_std)};
    if (op.rotary_base) out.rotary_base = T(*op.rotary_base);
    return out;
  }
  [[nodiscard]] BasicResidual<T, T> operator()(const Residual& op) const {
    return {T(op.skip), T(op.branch), (*this)(op.of), op.learned_branch};
  }
  [[nodiscard]] BasicRepeat<T, T> operator()(const Repeat& op) const { return {op.times, (*this)(op.of), op.tied}; }
  [[nodiscard]] BasicParallel<T, T> operator()(const Parallel& op) const {
    BasicParallel<T, T> out;
    for (const std::vector<network::Component>& list : op.of) out.of.push_back((*this)(list));
    return out;
  }
  [[nodiscard]] BasicExperts<T, T> operator()(const Experts& op) const {
    return {size(op.count), size(op.chosen), (*this)(op.of), T(op.router_std), size(op.width), op.router};
  }

  [[nodiscard]] BasicGivenInput<T> operator()(const GivenInput& source) const {
    return {T(source.mean),
            T(source.variance),
            T(source.token_correlation),
            T(source.cross_correlation),
            source.class_tokens,
            T(source.class_std),
            {source.position.used, T(source.position.std)},
            source.pixels,
            source.gram};
  }
  [[nodiscard]] BasicEmbedding<T, T> operator()(const Embedding& source) const {
    const auto table = [](const BasicTable<double>& plain) { return BasicTable<T>{plain.used, T(plain.std)}; };
    return {size(source.vocabulary), table(source.token), table(source.position),
            table(source.segment),   source.segments,     source.match ? std::optional(T(*source.match)) : std::nullopt,
            source.exponent,         source.text};
  }

  [[nodiscard]] Lifted<T> operator()(const Network& network) const {
    Lifted<T> out;
    out.name = network.name;
    out.sequence_length = size(network.sequence_length);
    out.batch = size(network.batch);
    out.width = size(network.width);
    std::visit([&](const auto& source) { out.source = (*this)(source); }, network.source);
    out.input = (*this)(network.input);
    out.body = (*this)(network.body);
    out.encoder = (*this)(network.encoder);
    out.gradient_variance = T(network.gradient_variance);
    out.gradient_token_correlation = T(network.gradient_token_correlation);
    out.gradient_cross_correlation = T(network.gradient_cross_correlation);
    out.gradient_tokens = network.gradient_tokens;
    out.thresholds = network.thresholds;
    return out;
  }

 private:
  [[nodiscard]] static T size(std::size_t n) { return T(static_cast<double>(n)); }
};

/// The network with numbers of T, each made from the plain one.
template <class T>
[[nodiscard]] Lifted<T> lifted(const Network& network) {
  return Lift<T>()(network);
}

}  // namespace sigprop::network
