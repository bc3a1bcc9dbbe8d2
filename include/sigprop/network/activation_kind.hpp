// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sigprop::network {

enum class ActivationKind { relu, gelu, gelu_tanh, silu, tanh, leaky_relu, squared_relu, identity };

}  // namespace sigprop::network
