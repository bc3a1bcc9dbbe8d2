// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/check/check.hpp"

namespace sigprop::check {

/// What a model must have for a condition of a preset to mean something.
enum class Needs { nothing, tokens, attention, cross_attention, gradients };

struct PresetCondition {
  Condition condition;
  Needs needs = Needs::nothing;
};

struct Preset {
  std::string name;
  std::vector<PresetCondition> conditions;
};

/// All presets, in the order in which they are listed to a user. docs/spec.md has their numbers and
/// the reasons.
[[nodiscard]] const std::vector<Preset>& presets();

}  // namespace sigprop::check
