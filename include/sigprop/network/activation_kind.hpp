// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sigprop::network {

enum class ActivationKind {
  relu,
  gelu,
  gelu_tanh,
  quick_gelu,
  silu,
  mish,
  softplus,
  sigmoid,
  tanh,
  leaky_relu,
  squared_relu,
  identity
};

}  // namespace sigprop::network
