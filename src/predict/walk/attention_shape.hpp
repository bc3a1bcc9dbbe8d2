// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "predict/tables/head.hpp"
#include "predict/walk/notes.hpp"
#include "sigprop/formula/attention.hpp"
#include "sigprop/network/lifted.hpp"
#include "sigprop/predict/predict.hpp"
#include "sigprop/scalar/wide.hpp"

namespace sigprop::predict {

template <class T>
using AttentionOp = network::BasicAttention<T, T>;

template <class T>
[[nodiscard]] formula::RotaryMeans<T> rotary_means_of(const NoNotes& /*notes*/, const AttentionOp<T>& op,
                                                      const T& length) {
  return formula::rotary_means(length, op.head_width, op.rotary_width, *op.rotary_base);
}

/// In double: angles never leave its range, and a wide sine takes a hundred times as long.
[[nodiscard]] inline formula::RotaryMeans<scalar::Wide> rotary_means_of(const NoNotes& /*notes*/,
                                                                        const AttentionOp<scalar::Wide>& op,
                                                                        const scalar::Wide& length) {
  using scalar::value_of;
  const formula::RotaryMeans<double> means = formula::rotary_means(
      value_of(length), value_of(op.head_width), value_of(op.rotary_width), value_of(*op.rotary_base));
  return {scalar::Wide(means.once), scalar::Wide(means.twice)};
}

/// Sizes and variances of an attention over sequences of this length. Grouped-query attention
/// changes none of these moments: a key's smaller fan-out and the sum over its group's heads
/// cancel.
template <class T, class Notes = NoNotes>
[[nodiscard]] formula::AttentionShape<T> attention_shape(const AttentionOp<T>& op, const T& length,
                                                         const Notes& notes = {}) {
  const auto square = [](const T& x) { return T(x * x); };
  formula::RotaryMeans<T> rotated{T(1), T(1)};
  if (op.rotary_base) rotated = rotary_means_of(notes, op, length);
  return {length,
          op.width,
          op.heads,
          op.head_width,
          square(op.query_std),
          square(op.key_std),
          square(op.value_std),
          square(op.bias_std),
          op.dropout,
          T(op.head_width * square(op.score_scale)),
          T(1) / op.width,
          rotated,
          op.query_key_norm.has_value(),
          op.norm_epsilon};
}

/// Features over which a head's size varies as that of as many normal numbers does, with a variance
/// of 2/k; beside the others behind a norm of all heads together 2/k (1 - 1/H).
template <class T>
[[nodiscard]] T size_features(const AttentionOp<T>& op) {
  const bool together = op.query_key_norm && op.query_key_norm_of_all && op.heads > T(1);
  return together ? T(op.head_width * op.heads / (op.heads - T(1))) : op.head_width;
}

template <class T>
[[nodiscard]] Head head_of(const AttentionOp<T>& op) {
  const bool of_a_head = op.query_key_norm && !(op.query_key_norm_of_all && op.heads > T(1));
  return {scalar::value_of(size_features(op)), of_a_head};
}

}  // namespace sigprop::predict
