// SPDX-License-Identifier: Apache-2.0
#include "sigprop/network/network.hpp"

#include <algorithm>

#include "sigprop/network/outline.hpp"

namespace sigprop::network {

std::vector<const std::vector<Component>*> lists_in(const Component& component) {
  if (const auto* residual = std::get_if<Residual>(&component.op)) return {&residual->of};
  if (const auto* repeat = std::get_if<Repeat>(&component.op)) return {&repeat->of};
  if (const auto* experts = std::get_if<Experts>(&component.op)) return {&experts->of};
  std::vector<const std::vector<Component>*> out;
  if (const auto* parallel = std::get_if<Parallel>(&component.op)) {
    for (const std::vector<Component>& list : parallel->of) out.push_back(&list);
  }
  return out;
}

namespace {

void remove_masks(std::vector<Component>& list) {
  for (Component& component : list) {
    if (auto* attention = std::get_if<Attention>(&component.op)) attention->mask = Mask::none;
    // The lists are the component's, which is ours to change.
    for (const std::vector<Component>* inner : lists_in(component))
      remove_masks(const_cast<std::vector<Component>&>(*inner));
  }
}

}  // namespace

void remove_masks(Network& network) {
  remove_masks(network.body);
  remove_masks(network.encoder);
}

bool has_weights(const Component& component) {
  const bool own = std::visit([](const auto& op) { return !weight_slots(op).empty(); }, component.op);
  const auto lists = lists_in(component);
  return own || std::any_of(lists.begin(), lists.end(),
                            [](const auto* list) { return std::any_of(list->begin(), list->end(), has_weights); });
}

bool is_homogeneous(const std::vector<Component>& list) {
  return std::all_of(list.begin(), list.end(), [](const Component& component) {
    if (const auto* linear = std::get_if<Linear>(&component.op)) return linear->bias_std == 0;
    if (const auto* activation = std::get_if<Activation>(&component.op)) {
      return activation->kind != ActivationKind::tanh && activation->kind != ActivationKind::squared_relu;
    }
    const auto lists = lists_in(component);
    if (lists.empty()) return std::holds_alternative<Dropout>(component.op);
    return std::all_of(lists.begin(), lists.end(), [](const auto* inner) { return is_homogeneous(*inner); });
  });
}

const char* kind_name(const Component& component) {
  static constexpr const char* names[] = {"linear",    "gated_linear", "activation", "dropout",  "norm",
                                          "attention", "residual",     "repeat",     "parallel", "experts"};
  static_assert(std::size(names) == std::variant_size_v<decltype(Component::op)>);
  return names[component.op.index()];
}

}  // namespace sigprop::network
