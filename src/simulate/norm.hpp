// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

#include "sigprop/network/network.hpp"
#include "simulate/matrix.hpp"

namespace sigprop::simulate {

/// What the backward pass needs of a norm: y, and by row, or by part of a row, 1/√(variance + ε).
template <class T>
struct Normalized {
  Matrix<T> y;
  Row<T> inverse_scale;
};

/// y = (x - mean) / √(var + ε) by row, or by each of its `parts` alike, gain 1 and bias 0; RMSNorm
/// leaves the mean.
template <class T>
[[nodiscard]] Normalized<T> normalize(Team team, network::NormKind kind, double epsilon, const Matrix<T>& x,
                                      Eigen::Index parts = 1) {
  Normalized<T> out{Matrix<T>(x.rows(), x.cols()), Row<T>(x.rows() * parts)};
  const Eigen::Index rows = x.rows() * parts, columns = x.cols() / parts;
  const Eigen::Map<const Matrix<T>> from(x.data(), rows, columns);
  Eigen::Map<Matrix<T>> y(out.y.data(), rows, columns);
  for_rows(team, rows, [&](Eigen::Index first, Eigen::Index count) {
    for (Eigen::Index i = first; i < first + count; ++i) {
      const T mean = kind == network::NormKind::layer_norm ? from.row(i).mean() : T(0);
      y.row(i) = from.row(i).array() - mean;
      const T variance = y.row(i).squaredNorm() / static_cast<T>(columns);
      out.inverse_scale[i] = 1 / std::sqrt(variance + static_cast<T>(epsilon));
      y.row(i) *= out.inverse_scale[i];
    }
  });
  return out;
}

/// g ← (g - mean(g) - y mean(g ∘ y)) / √(var + ε) by row, or part, that has an inverse scale;
/// RMSNorm has no mean(g). With y of the forward pass this is exact for ε > 0.
template <class T>
void normalize_backward(Team team, network::NormKind kind, const Matrix<T>& forward_y, const Row<T>& inverse_scale,
                        Matrix<T>& gradient) {
  const Eigen::Index rows = inverse_scale.size(), columns = gradient.size() / std::max<Eigen::Index>(rows, 1);
  const Eigen::Map<const Matrix<T>> y(forward_y.data(), rows, columns);
  Eigen::Map<Matrix<T>> g(gradient.data(), rows, columns);
  for_rows(team, rows, [&](Eigen::Index first, Eigen::Index count) {
    for (Eigen::Index i = first; i < first + count; ++i) {
      const T mean = kind == network::NormKind::layer_norm ? g.row(i).mean() : T(0);
      const T along = g.row(i).dot(y.row(i)) / static_cast<T>(g.cols());
      g.row(i) = (g.row(i).array() - mean - y.row(i).array() * along) * inverse_scale[i];
    }
  });
}

}  // namespace sigprop::simulate
