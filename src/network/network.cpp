// SPDX-License-Identifier: Apache-2.0
#include "sigprop/network/network.hpp"

#include <algorithm>

#include "sigprop/network/outline.hpp"

namespace sigprop::network {

void remove_masks(Network& network) {
  for (auto* list : {&network.body, &network.encoder}) {
    for_each_component(*list, [](Component& component) {
      if (auto* attention = std::get_if<Attention>(&component.op)) attention->mask = Mask::none;
    });
  }
}

std::optional<double> common_std(const Embedding& embedding) {
  std::optional<double> common;
  for (const BasicTable<double>* table : {&embedding.token, &embedding.position, &embedding.segment}) {
    if (!table->used) continue;
    if (common && *common != table->std) return std::nullopt;
    common = table->std;
  }
  return common;
}

bool has_weights(const Component& component) {
  const bool own = std::visit([](const auto& op) { return !weight_slots(op).empty(); }, component.op);
  const auto lists = lists_in(component);
  return own || std::any_of(lists.begin(), lists.end(),
                            [](const auto* list) { return std::any_of(list->begin(), list->end(), has_weights); });
}

const char* kind_name(const Component& component) {
  static constexpr const char* names[] = {"linear",    "gated_linear", "activation", "dropout",  "norm",
                                          "attention", "residual",     "repeat",     "parallel", "experts"};
  static_assert(std::size(names) == std::variant_size_v<decltype(Component::op)>);
  return names[component.op.index()];
}

}  // namespace sigprop::network
