// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "sigprop/network/network.hpp"

/// How the network's enumerations are spelt in a spec, each list once.
namespace sigprop::spec {

template <class Enum, std::size_t N>
using NameTable = std::array<std::pair<const char*, Enum>, N>;

inline constexpr NameTable<network::ActivationKind, 8> activation_names{{
    {"relu", network::ActivationKind::relu},
    {"gelu", network::ActivationKind::gelu},
    {"gelu_tanh", network::ActivationKind::gelu_tanh},
    {"silu", network::ActivationKind::silu},
    {"tanh", network::ActivationKind::tanh},
    {"leaky_relu", network::ActivationKind::leaky_relu},
    {"squared_relu", network::ActivationKind::squared_relu},
    {"identity", network::ActivationKind::identity},
}};

inline constexpr NameTable<network::NormKind, 2> norm_names{{
    {"layer_norm", network::NormKind::layer_norm},
    {"rms_norm", network::NormKind::rms_norm},
}};

inline constexpr NameTable<network::Mask, 2> mask_names{{
    {"none", network::Mask::none},
    {"causal", network::Mask::causal},
}};

template <class Enum, std::size_t N>
[[nodiscard]] std::vector<std::string> names_of(const NameTable<Enum, N>& table) {
  std::vector<std::string> names;
  for (const auto& [name, value] : table) names.emplace_back(name);
  return names;
}

/// `name` must be in the table: the grammar has checked it.
template <class Enum, std::size_t N>
[[nodiscard]] Enum value_of(const NameTable<Enum, N>& table, const std::string& name) {
  for (const auto& [known, value] : table) {
    if (name == known) return value;
  }
  return table.front().second;
}

template <class Enum, std::size_t N>
[[nodiscard]] const char* name_of(const NameTable<Enum, N>& table, Enum value) {
  for (const auto& [name, known] : table) {
    if (value == known) return name;
  }
  return table.front().first;
}

}  // namespace sigprop::spec
