// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sigprop::network {

/// What a router makes of its logits z: the weights of the experts that a token takes.
enum class Router {
  softmax,           ///< over theirs
  softmax_over_all,  ///< over all experts' logits, so that the weights do not sum to 1
  sigmoid,           ///< σ(z) over the sum of theirs
  plain_sigmoid      ///< σ(z)
};

}  // namespace sigprop::network
