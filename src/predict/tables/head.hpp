// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>

#include "sigprop/formula/softmax_means.hpp"

namespace sigprop::predict {

/// What softmax functionals depend on besides scores and keys: one table serves all heads of a
/// kind.
struct Head {
  double width = 1;
  bool normalized = false;  ///< queries and keys pass a norm of the head

  [[nodiscard]] auto operator<=>(const Head&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 errs
};

template <class T>
[[nodiscard]] formula::RowMeans<T> row_means(const T& v, const T& keys, const T& head_width, bool normalized) {
  return normalized ? formula::softmax_row_normalized(v, keys, head_width)
                    : formula::softmax_row_means(v, keys, head_width);
}

template <class T>
[[nodiscard]] formula::PairMeans<T> pair_means(const T& v, const T& rho, const T& shared, const T& keys,
                                               const T& head_width, bool normalized) {
  return normalized ? formula::softmax_pair_normalized(v, rho, shared, keys, head_width)
                    : formula::softmax_pair_means(v, rho, shared, keys, head_width);
}

template <class T>
[[nodiscard]] formula::RowMeans<T> row_means(const T& v, const T& keys, Head head) {
  return row_means(v, keys, T(head.width), head.normalized);
}

template <class T>
[[nodiscard]] formula::PairMeans<T> pair_means(const T& v, const T& rho, const T& shared, const T& keys, Head head) {
  return pair_means(v, rho, shared, keys, T(head.width), head.normalized);
}

}  // namespace sigprop::predict
