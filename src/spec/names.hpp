// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sigprop/network/stack.hpp"

/// How the network's enumerations are spelt in a spec, each list once.
namespace sigprop::spec {

template <class Enum, std::size_t N>
using NameTable = std::array<std::pair<const char*, Enum>, N>;

inline constexpr NameTable<network::ActivationKind, 12> activation_names{{
    {"relu", network::ActivationKind::relu},
    {"gelu", network::ActivationKind::gelu},
    {"gelu_tanh", network::ActivationKind::gelu_tanh},
    {"quick_gelu", network::ActivationKind::quick_gelu},
    {"silu", network::ActivationKind::silu},
    {"mish", network::ActivationKind::mish},
    {"softplus", network::ActivationKind::softplus},
    {"sigmoid", network::ActivationKind::sigmoid},
    {"tanh", network::ActivationKind::tanh},
    {"leaky_relu", network::ActivationKind::leaky_relu},
    {"squared_relu", network::ActivationKind::squared_relu},
    {"identity", network::ActivationKind::identity},
}};

/// An activation as the transformers library and a spec spell it.
struct Spelling {
  std::string_view theirs;
  const char* ours;
};

/// The library's names that a spec has a function for; several spell the tanh form of GELU.
inline constexpr std::array<Spelling, 18> activation_spellings{{
    {"relu", "relu"},
    {"relu2", "squared_relu"},
    {"gelu", "gelu"},
    {"gelu_python", "gelu"},
    {"gelu_new", "gelu_tanh"},
    {"gelu_fast", "gelu_tanh"},
    {"gelu_accurate", "gelu_tanh"},
    {"gelu_pytorch_tanh", "gelu_tanh"},
    {"gelu_python_tanh", "gelu_tanh"},
    {"quick_gelu", "quick_gelu"},
    {"silu", "silu"},
    {"swish", "silu"},
    {"mish", "mish"},
    {"softplus", "softplus"},
    {"sigmoid", "sigmoid"},
    {"tanh", "tanh"},
    {"leaky_relu", "leaky_relu"},
    {"linear", "identity"},
}};

inline constexpr NameTable<network::NormKind, 2> norm_names{{
    {"layer_norm", network::NormKind::layer_norm},
    {"rms_norm", network::NormKind::rms_norm},
}};

inline constexpr NameTable<network::Router, 4> router_names{{
    {"softmax", network::Router::softmax},
    {"softmax_over_all", network::Router::softmax_over_all},
    {"sigmoid", network::Router::sigmoid},
    {"plain_sigmoid", network::Router::plain_sigmoid},
}};

inline constexpr NameTable<network::Mask, 2> mask_names{{
    {"none", network::Mask::none},
    {"causal", network::Mask::causal},
}};

inline constexpr NameTable<network::Placement, 4> placement_names{{
    {"pre", network::Placement::pre},
    {"post", network::Placement::post},
    {"sandwich", network::Placement::sandwich},
    {"output", network::Placement::output},
}};

/// A table of an embedding.
struct TableName {
  const char* name;
  network::BasicTable<double> network::Embedding::*table;
};

inline constexpr TableName table_names[] = {{"token", &network::Embedding::token},
                                            {"position", &network::Embedding::position},
                                            {"segment", &network::Embedding::segment}};

/// A standard deviation of `init.std`, and of `init.encoder.std` and `init.decoder.std`.
struct WeightClass {
  const char* name;
  double network::LayerStd::*std;
  bool gated_only;
  bool is_bias;
};

/// In the order of reading: "bias" sets ffn_out's too, which "ffn_out_bias" may then change.
inline constexpr WeightClass weight_classes[] = {
    {"query", &network::LayerStd::query, false, false},
    {"key", &network::LayerStd::key, false, false},
    {"value", &network::LayerStd::value, false, false},
    {"output", &network::LayerStd::output, false, false},
    {"ffn_in", &network::LayerStd::ffn_in, false, false},
    {"ffn_gate", &network::LayerStd::ffn_gate, true, false},
    {"ffn_out", &network::LayerStd::ffn_out, false, false},
    {"bias", &network::LayerStd::bias, false, true},
    {"ffn_out_bias", &network::LayerStd::ffn_out_bias, false, true},
};

/// A standard deviation of `init.decoder.std` that only a cross-attention has.
struct CrossWeight {
  const char* name;
  std::optional<double> network::LayerStd::*std;
};

inline constexpr CrossWeight cross_weights[] = {
    {"cross_query", &network::LayerStd::cross_query},
    {"cross_key", &network::LayerStd::cross_key},
    {"cross_value", &network::LayerStd::cross_value},
    {"cross_output", &network::LayerStd::cross_output},
};

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
