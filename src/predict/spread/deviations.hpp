// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <utility>

#include "predict/spread/modes.hpp"

namespace sigprop::predict {

/// How far one network's numbers lie from their means: a row for each number, and a column for each
/// of the independent standard normal numbers that they are made of. Deviations of one segment of
/// the network have columns in common; a row without a column has 0 there.
using Deviations = Eigen::MatrixXd;

/// The rows of a signal: of the three modes, and of Σ G² of the centred tokens.
inline constexpr int state_rows = mode_count + 1, token_row = mode_count;

/// The same rows, with at least so many columns.
[[nodiscard]] inline Deviations widened(const Deviations& rows, Eigen::Index columns) {
  if (rows.cols() >= columns) return rows;
  Deviations out = Deviations::Zero(rows.rows(), columns);
  out.leftCols(rows.cols()) = rows;
  return out;
}

[[nodiscard]] inline Deviations sum_of_rows(const Deviations& a, const Deviations& b) {
  Deviations out = widened(a, b.cols());
  out.leftCols(b.cols()) += b;
  return out;
}

/// matrix · rows, for the first rows; the others stay as they are.
[[nodiscard]] inline Deviations mapped(const Eigen::MatrixXd& matrix, Deviations rows) {
  rows.topRows(mode_count) = (matrix * rows.topRows(mode_count)).eval();
  return rows;
}

/// R with R Rᵀ = covariance: one column for each eigenvalue that is not 0 but for rounding.
[[nodiscard]] inline Deviations root_of(const Eigen::MatrixXd& covariance) {
  // Scaled to ones on the diagonal, so that a small number keeps its digits beside large ones.
  Eigen::VectorXd scale = covariance.diagonal().cwiseMax(0).cwiseSqrt();
  const Eigen::VectorXd inverse = scale.unaryExpr([](double x) { return x > 0 ? 1 / x : 0.0; });
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(inverse.asDiagonal() * covariance * inverse.asDiagonal());
  constexpr double negligible = 1e-10;
  const Eigen::Index kept = (solver.eigenvalues().array() > negligible).count();
  const Eigen::VectorXd values = solver.eigenvalues().tail(kept).cwiseSqrt();
  return scale.asDiagonal() * solver.eigenvectors().rightCols(kept) * values.asDiagonal();
}

/// Deviations over new columns, as few as they have dimensions.
struct Compressed {
  Deviations rows;        ///< over the new columns
  Deviations of_columns;  ///< the new columns over the old ones
};

[[nodiscard]] inline Compressed compressed(const Deviations& rows) {
  Deviations root = root_of(rows * rows.transpose());
  // root · of_columns = rows, with of_columns orthonormal.
  Deviations of_columns = root.completeOrthogonalDecomposition().solve(rows);
  return {std::move(root), std::move(of_columns)};
}

/// 0 where the denominator is not positive.
[[nodiscard]] inline ModeVector ratio_of(const ModeVector& part, const ModeVector& whole) {
  ModeVector out;
  for (int a = 0; a < mode_count; ++a) out[a] = whole[a] > 0 ? part[a] / whole[a] : 0;
  return out;
}

}  // namespace sigprop::predict
