// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>

namespace sigprop::test {

/// The spec of a stack as that of an encoder and a decoder of its kind; the decoder has a mask, and
/// no residual key.
[[nodiscard]] inline nlohmann::json encoder_decoder_of(nlohmann::json spec) {
  spec["encoder"] = spec["stack"];
  spec["decoder"] = spec["stack"];
  spec["decoder"]["cross_attention"] = {{"heads", 2}, {"dropout", 0.1}};
  spec["decoder"]["attention"]["mask"] = "causal";
  spec["decoder"].erase("residual");
  spec.erase("stack");
  return spec;
}

}  // namespace sigprop::test
