// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "predict/numbers.hpp"
#include "sigprop/formula/attention.hpp"
#include "sigprop/network/network.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

template <class T>
[[nodiscard]] formula::RotaryMeans<T> turned_by_rotary(const Numbers<T>& number, const network::Attention& op,
                                                       const double& sequence_length) {
  return formula::rotary_means(number(sequence_length), number(op.head_width), number(op.rotary_width),
                               number(*op.rotary_base));
}

/// Grouped-query attention changes none of these moments: a key's smaller fan-out and the sum over its group's heads cancel.
template <class T>
[[nodiscard]] formula::AttentionShape<T> attention_shape(const network::Attention& op, const double& sequence_length,
                                                         const Numbers<T>& number = {}) {
  const auto square = [&](const double& x) { return T(number(x) * number(x)); };
  const T k = number(op.head_width), width = number(op.width), length = number(sequence_length);
  formula::RotaryMeans<T> turned{T(1), T(1)};
  if (op.rotary_base) turned = turned_by_rotary(number, op, sequence_length);
  return {length,
          width,
          number(op.heads),
          k,
          square(op.query_std),
          square(op.key_std),
          square(op.value_std),
          square(op.bias_std),
          number(op.dropout),
          T(k * square(op.score_scale)),
          T(1) / width,
          turned,
          op.query_key_norm.has_value()};
}

}  // namespace sigprop::predict
