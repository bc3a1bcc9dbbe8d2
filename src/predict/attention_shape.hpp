// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/formula/attention.hpp"
#include "sigprop/network/network.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

/// Throws NotCovered for what no theory of self-attention here covers.
inline void require_self_attention(const network::Attention& op) {
  const auto refuse = [](const char* what) {
    throw NotCovered(std::string(what) + " is not covered by this theory yet");
  };
  if (op.cross) refuse("cross-attention");
  if (op.rotary_base) refuse("attention with rotary positions");
}

/// Grouped-query attention changes none of these moments: a key's smaller fan-out and the sum over its group's heads cancel.
template <class T>
[[nodiscard]] formula::AttentionShape<T> attention_shape(const network::Attention& op, double length) {
  const auto square = [](double x) { return T(x) * T(x); };
  const T k(static_cast<double>(op.head_width));
  return {T(length),
          T(static_cast<double>(op.width)),
          T(static_cast<double>(op.heads)),
          k,
          square(op.query_std),
          square(op.key_std),
          square(op.value_std),
          square(op.bias_std),
          T(op.dropout),
          T(k * square(op.score_scale))};
}

}  // namespace sigprop::predict
