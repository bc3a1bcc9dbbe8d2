// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "experiment/subject.hpp"
#include "simulate/subject.hpp"

/// Components that every engine measures alike. A Platform makes engines for a setting's
/// replicates, on the CPU one by one, on a device side by side, and adds their signals up.
namespace sigprop::experiment {

/// y = x Wᵀ; the input's gradient is g W.
template <class Platform>
std::optional<Measured> linear(Platform& platform, const Subject& subject) {
  const std::size_t in = subject.size("d_in"), out = subject.size("d_out");
  const double weight_std = subject["weight_std_times_sqrt_fan_in"] / std::sqrt(subject["d_in"]);
  Statistics output(platform.tokens(), out), back(platform.tokens(), in);
  const bool done = platform.over_replicates([&](auto& engine) {
    const auto w = engine.weight(weight, out, in, weight_std);
    platform.add(output, engine.project(engine.tokens(input, in, input_of(subject)), w));
    platform.add(back, engine.project_back(engine.tokens(gradient, out, gradient_of(subject)), w));
  });
  if (!done) return std::nullopt;
  return moments(output, back);
}

template <class Platform>
std::optional<Measured> layer_norm(Platform& platform, const Subject& subject) {
  constexpr auto kind = network::NormKind::layer_norm;
  const std::size_t width = subject.size("features");
  Statistics output(platform.tokens(), width, true), back(platform.tokens(), width);
  const bool done = platform.over_replicates([&](auto& engine) {
    const auto normalized = engine.normalize(kind, 0, engine.tokens(input, width, input_of(subject)));
    auto g = engine.tokens(gradient, width, gradient_of(subject));
    engine.normalize_backward(kind, normalized, g);
    platform.add(output, normalized.y);
    platform.add(back, g);
  });
  if (!done) return std::nullopt;
  return moments(output, back);
}

template <class Platform>
std::optional<Measured> dropout(Platform& platform, const Subject& subject) {
  const std::size_t width = subject.size("features");
  const double probability = subject["drop_probability"];
  Statistics output(platform.tokens(), width), back(platform.tokens(), width);
  const bool done = platform.over_replicates([&](auto& engine) {
    auto x = engine.tokens(input, width, input_of(subject));
    auto g = engine.tokens(gradient, width, gradient_of(subject));
    if (probability > 0) {
      engine.drop(mask, probability, x);
      engine.drop(mask, probability, g);
    }
    platform.add(output, x);
    platform.add(back, g);
  });
  if (!done) return std::nullopt;
  return moments(output, back);
}

[[nodiscard]] inline simulate::Heads head_of(const Subject& subject) {
  simulate::Heads heads;
  heads.width = static_cast<std::ptrdiff_t>(subject["d_head"]);
  heads.score_scale = 1 / std::sqrt(subject["d_head"]);
  heads.dropout = subject["drop_probability"];
  heads.mask_tensor = mask;
  return heads;
}

/// One head without output projection. The weights are drawn once for all replicates, as in the
/// published simulation.
template <class Platform>
std::optional<Measured> attention(Platform& platform, const Subject& subject) {
  const std::size_t in = subject.size("d_in"), head = subject.size("d_head");
  const simulate::Heads heads = head_of(subject);
  const double root = std::sqrt(subject["d_in"]);
  const double score_std = subject["query_key_weight_std_times_sqrt_fan_in"] / root;
  const double value_std = subject["value_weight_std_times_sqrt_fan_in"] / root;
  const auto w_query = platform.shared_weight(query_weight, head, in, score_std);
  const auto w_key = platform.shared_weight(key_weight, head, in, score_std);
  const auto w_value = platform.shared_weight(value_weight, head, in, value_std);
  Statistics output(platform.tokens(), head), back(platform.tokens(), in);
  const bool done = platform.over_replicates([&](auto& engine) {
    const auto x = engine.tokens(input, in, input_of(subject));
    const auto attended = engine.attend(heads, engine.project(x, w_query), engine.project(x, w_key),
                                        engine.project(x, w_value), simulate::ScoreSlots{0});
    const auto g = engine.tokens(gradient, head, gradient_of(subject));
    const auto at = engine.attend_backward(heads, attended, g);
    auto gx = engine.project_back(at.q, w_query);
    engine.add_project_back(at.k, w_key, gx);
    engine.add_project_back(at.v, w_value, gx);
    platform.add(output, attended.z);
    platform.add(back, gx);
  });
  if (!done) return std::nullopt;
  return moments(output, back);
}

inline constexpr std::size_t score_numbers = 2;  ///< of the sample that `attention` leaves, and nobody reads

/// PyTorch's default, as in the published simulation.
inline constexpr double norm_epsilon = 1e-5;

}  // namespace sigprop::experiment
