// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <algorithm>

namespace sigprop::predict {

/// Copies what lies below the diagonal of the leading square above it, tile by tile: whole columns of a length that is a power of two would meet in few cache sets.
inline void mirror(Eigen::MatrixXd& m) {
  using Eigen::Index;
  constexpr Index tile = 16;
  for (Index c = 0; c < m.rows(); c += tile) {
    const Index width = std::min(tile, m.rows() - c);
    for (Index r = c; r < m.rows(); r += tile) {
      const Index height = std::min(tile, m.rows() - r);
      if (r > c) {
        m.block(c, r, width, height) = m.block(r, c, height, width).transpose();
        continue;
      }
      for (Index j = 1; j < width; ++j) {
        for (Index i = 0; i < j; ++i) m(c + i, c + j) = m(c + j, c + i);
      }
    }
  }
}

/// The symmetric matrix of value(i, m) for rows i ≥ m.
template <class Value>
[[nodiscard]] Eigen::MatrixXd symmetric(Eigen::Index length, const Value& value) {
  Eigen::MatrixXd out(length, length);
  for (Eigen::Index m = 0; m < length; ++m) {
    for (Eigen::Index i = m; i < length; ++i) out(i, m) = value(i, m);
  }
  mirror(out);
  return out;
}

/// The same over groups of tokens (places.hpp), with within(i) for two tokens of one group.
template <class Value, class Within>
[[nodiscard]] Eigen::MatrixXd over_places(Eigen::Index groups, Eigen::Index columns, const Value& value,
                                          const Within& within) {
  Eigen::MatrixXd out(groups, columns);
  for (Eigen::Index m = 0; m < groups; ++m) {
    for (Eigen::Index i = m; i < groups; ++i) out(i, m) = value(i, m);
  }
  mirror(out);
  if (columns > groups) {
    for (Eigen::Index i = 0; i < groups; ++i) out(i, groups) = within(i);
  }
  return out;
}

}  // namespace sigprop::predict
