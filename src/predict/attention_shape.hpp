// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/formula/attention.hpp"
#include "sigprop/network/network.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

/// Grouped-query attention changes none of these moments: a key's smaller fan-out and the sum over its group's heads cancel.
template <class T>
[[nodiscard]] formula::AttentionShape<T> attention_shape(const network::Attention& op, double length) {
  const auto square = [](double x) { return T(x) * T(x); };
  const T k(static_cast<double>(op.head_width));
  formula::RotaryMeans<T> turned{T(1), T(1)};
  if (op.rotary_base)
    turned = formula::rotary_means(T(length), k, T(static_cast<double>(op.rotary_width)), T(*op.rotary_base));
  return {T(length),
          T(static_cast<double>(op.width)),
          T(static_cast<double>(op.heads)),
          k,
          square(op.query_std),
          square(op.key_std),
          square(op.value_std),
          square(op.bias_std),
          T(op.dropout),
          T(k * square(op.score_scale)),
          T(1) / T(static_cast<double>(op.width)),
          turned,
          op.query_key_norm.has_value()};
}

}  // namespace sigprop::predict
