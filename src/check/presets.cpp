// SPDX-License-Identifier: Apache-2.0
#include "check/presets.hpp"

#include "sigprop/profile/summary.hpp"

namespace sigprop::check {
namespace {

constexpr Location at_first{Location::Kind::first};
constexpr Location at_last{Location::Kind::last};
constexpr Location every{Location::Kind::every};
constexpr Location at_layers{Location::Kind::layers};

/// The verdicts' own thresholds: what passes them all has no verdict.
Preset trainable() {
  const profile::Thresholds limits;
  return {"trainable",
          {{{"forward.variance", at_layers, at_first, {}, limits.exploding_variance}},
           {{"backward.variance", at_layers, at_last, limits.vanishing_gradient, limits.exploding_gradient}},
           {{"weights.*.gradient_fraction", every, {}, limits.negligible_gradient, {}}, Needs::gradients},
           {{"rank_residual", every, {}, limits.rank_collapse, {}}, Needs::tokens},
           {{"attention.entropy_fraction", every, {}, limits.entropy_collapse, {}}, Needs::attention},
           {{"cross_attention.entropy_fraction", every, {}, limits.entropy_collapse, {}}, Needs::cross_attention}}};
}

/// First and last layer differ by at most a factor of 10 in amplitude, of 100 in variance.
Preset stable() {
  constexpr double amplitude = 10, variance = amplitude * amplitude;
  constexpr double rank = 0.3, entropy = 0.3;  // three times what counts as collapse
  return {
      "stable",
      {{{"forward.variance", at_last, at_first, 1 / variance, variance}},
       {{"backward.variance", at_first, at_last, 1 / variance, variance}},
       {{"weights.all.gradient_norm", at_first, at_last, 1 / amplitude, amplitude}},
       {{"weights.*.gradient_fraction", every, {}, profile::Thresholds{}.negligible_gradient, {}}, Needs::gradients},
       {{"rank_residual", every, {}, rank, {}}, Needs::tokens},
       {{"attention.entropy_fraction", every, {}, entropy, {}}, Needs::attention},
       {{"cross_attention.entropy_fraction", every, {}, entropy, {}}, Needs::cross_attention}}};
}

/// Signal and weight gradients that keep their size through the depth, what DeepScaleLM aims at.
Preset flat() {
  return {"flat",
          {{{"forward.variance", at_last, at_first, 0.95, 1.05}},
           {{"weights.all.gradient_norm", every, at_last, 0.8, 1.25}}}};
}

}  // namespace

const std::vector<Preset>& presets() {
  static const std::vector<Preset> list = {trainable(), stable(), flat()};
  return list;
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : presets()) names.push_back(preset.name);
  return names;
}

}  // namespace sigprop::check
