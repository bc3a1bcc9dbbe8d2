// SPDX-License-Identifier: Apache-2.0
#include "sigprop/network/network.hpp"

#include <algorithm>

namespace sigprop::network {

bool has_weights(const Component& component) {
  const auto any = [](const std::vector<Component>& list) {
    return std::any_of(list.begin(), list.end(), has_weights);
  };
  if (const auto* residual = std::get_if<Residual>(&component.op)) return any(residual->of);
  if (const auto* repeat = std::get_if<Repeat>(&component.op)) return any(repeat->of);
  return std::holds_alternative<Linear>(component.op) || std::holds_alternative<GatedLinear>(component.op) ||
         std::holds_alternative<Attention>(component.op);
}

bool is_homogeneous(const std::vector<Component>& list) {
  return std::all_of(list.begin(), list.end(), [](const Component& component) {
    if (const auto* linear = std::get_if<Linear>(&component.op)) return linear->bias_std == 0;
    if (const auto* activation = std::get_if<Activation>(&component.op)) {
      return activation->kind != ActivationKind::tanh && activation->kind != ActivationKind::squared_relu;
    }
    if (const auto* residual = std::get_if<Residual>(&component.op)) return is_homogeneous(residual->of);
    if (const auto* repeat = std::get_if<Repeat>(&component.op)) return is_homogeneous(repeat->of);
    return std::holds_alternative<Dropout>(component.op);
  });
}

const char* kind_name(const Component& component) {
  static constexpr const char* names[] = {"linear", "gated_linear", "activation", "dropout",
                                          "norm",   "attention",    "residual",   "repeat"};
  static_assert(std::size(names) == std::variant_size_v<decltype(Component::op)>);
  return names[component.op.index()];
}

}  // namespace sigprop::network
