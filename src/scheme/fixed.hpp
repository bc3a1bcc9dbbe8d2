// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/scheme/scheme.hpp"

/// The schemes whose values follow from sizes alone; the catalog has their formulas and sources.
namespace sigprop::scheme {

[[nodiscard]] Settings xavier(const Task& task);
[[nodiscard]] Settings lecun(const Task& task);
[[nodiscard]] Settings kaiming(const Task& task);
[[nodiscard]] Settings torch_linear(const Task& task);
[[nodiscard]] Settings normal(const Task& task);
[[nodiscard]] Settings gpt2(const Task& task);
[[nodiscard]] Settings olmo_mitchell(const Task& task);
[[nodiscard]] Settings small_init(const Task& task);
[[nodiscard]] Settings wang_init(const Task& task);
[[nodiscard]] Settings t5(const Task& task);
[[nodiscard]] Settings deepnorm(const Task& task);
[[nodiscard]] Settings sub_ln(const Task& task);
[[nodiscard]] Settings ds_init(const Task& task);
[[nodiscard]] Settings t_fixup(const Task& task);
[[nodiscard]] Settings rezero(const Task& task);
[[nodiscard]] Settings layerscale(const Task& task);
[[nodiscard]] Settings mup(const Task& task);
[[nodiscard]] Settings depth_mup(const Task& task);
[[nodiscard]] Settings completep(const Task& task);
[[nodiscard]] Settings layernorm_scaling(const Task& task);
[[nodiscard]] Settings noci_depth_scale(const Task& task);

}  // namespace sigprop::scheme
