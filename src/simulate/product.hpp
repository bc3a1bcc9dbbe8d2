// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulate/matrix.hpp"

namespace sigprop::simulate {

/// y = a b, computed in tiles of a fixed size on the team's threads, one call of a matrix product a
/// tile: results do not depend on the number of threads. 256 × 512 was near the fastest of the
/// sizes tried (128 × 512 to 256 × 4096) for signals of 256 rows and more, on one and on two
/// threads.
template <class Y, class A, class B>
void multiply(Team team, Y&& y, const A& a, const B& b) {
  constexpr Eigen::Index tile_rows = 256, tile_columns = 512;
  const Eigen::Index rows = (y.rows() + tile_rows - 1) / tile_rows;
  const Eigen::Index columns = (y.cols() + tile_columns - 1) / tile_columns;
  for_each(team, rows * columns, [&](Eigen::Index tile) {
    const Eigen::Index r = tile / columns * tile_rows, c = tile % columns * tile_columns;
    const Eigen::Index height = std::min(tile_rows, y.rows() - r), width = std::min(tile_columns, y.cols() - c);
    y.block(r, c, height, width).noalias() = a.middleRows(r, height) * b.middleCols(c, width);
  });
}

/// x wᵀ: x (rows, in), w (out, in).
template <class T>
[[nodiscard]] Matrix<T> times_transposed(Team team, const Matrix<T>& x, const Matrix<T>& w) {
  Matrix<T> y(x.rows(), w.rows());
  multiply(team, y, x, w.transpose());
  return y;
}

/// g w: g (rows, out), w (out, in).
template <class T>
[[nodiscard]] Matrix<T> times(Team team, const Matrix<T>& g, const Matrix<T>& w) {
  Matrix<T> y(g.rows(), w.cols());
  multiply(team, y, g, w);
  return y;
}

/// gᵀ x: the gradient (out, in) of a weight.
template <class T>
[[nodiscard]] Matrix<T> transposed_times(Team team, const Matrix<T>& g, const Matrix<T>& x) {
  Matrix<T> y(g.cols(), x.cols());
  multiply(team, y, g.transpose(), x);
  return y;
}

}  // namespace sigprop::simulate
