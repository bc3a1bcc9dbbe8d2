// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <algorithm>

namespace sigprop::predict {

/// Tiles of a square matrix on and below its diagonal: whole columns of a length that is a power of
/// two would meet in few cache sets. over(first row, first column, rows, columns)
template <class Tile>
void over_tiles(Eigen::Index length, const Tile& over) {
  using Eigen::Index;
  constexpr Index tile = 16;
  for (Index c = 0; c < length; c += tile) {
    for (Index r = c; r < length; r += tile) over(r, c, std::min(tile, length - r), std::min(tile, length - c));
  }
}

/// Copies what lies below the diagonal of the leading square above it.
inline void mirror(Eigen::MatrixXd& m) {
  using Eigen::Index;
  over_tiles(m.rows(), [&m](Index r, Index c, Index height, Index width) {
    if (r > c) {
      m.block(c, r, width, height) = m.block(r, c, height, width).transpose();
      return;
    }
    for (Index j = 1; j < width; ++j) {
      for (Index i = 0; i < j; ++i) m(c + i, c + j) = m(c + j, c + i);
    }
  });
}

/// m + mᵀ.
[[nodiscard]] inline Eigen::MatrixXd with_transpose(const Eigen::MatrixXd& m) {
  using Eigen::Index;
  Eigen::MatrixXd out(m.rows(), m.cols());
  over_tiles(m.rows(), [&](Index r, Index c, Index height, Index width) {
    out.block(r, c, height, width) = m.block(r, c, height, width) + m.block(c, r, width, height).transpose();
    if (r > c) out.block(c, r, width, height) = out.block(r, c, height, width).transpose();
  });
  return out;
}

/// mᵀ.
[[nodiscard]] inline Eigen::MatrixXd transpose(const Eigen::MatrixXd& m) {
  using Eigen::Index;
  Eigen::MatrixXd out(m.cols(), m.rows());
  over_tiles(m.rows(), [&](Index r, Index c, Index height, Index width) {
    out.block(r, c, height, width) = m.block(c, r, width, height).transpose();
    if (r > c) out.block(c, r, width, height) = m.block(r, c, height, width).transpose();
  });
  return out;
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

/// The same over groups of tokens (token_groups.hpp), with within(i) for two tokens of one group.
template <class Value, class Within>
[[nodiscard]] Eigen::MatrixXd over_groups(Eigen::Index groups, Eigen::Index columns, const Value& value,
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
