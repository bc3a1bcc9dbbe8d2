// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

#include "simulate/elementwise.hpp"
#include "simulate/matrix.hpp"

/// How a router weighs the experts of every token: a row a token, a column an expert.
namespace sigprop::simulate {

template <class T>
[[nodiscard]] Matrix<T> route(Team team, std::size_t chosen, const Matrix<T>& logits) {
  Matrix<T> weights(logits.rows(), logits.cols());
  const auto count = static_cast<std::size_t>(logits.cols());
  for_rows(team, logits.rows(), [&](Eigen::Index first, Eigen::Index rows) {
    for (Eigen::Index row = first; row < first + rows; ++row) {
      const T* logit = logits.row(row).data();
      const T largest = *std::max_element(logit, logit + count);
      T sum = 0;
      for (std::size_t e = 0; e < count; ++e) {
        const bool taken = is_routed_to({count, chosen, e}, [&](std::size_t other) { return logit[other]; });
        const T weight = taken ? std::exp(logit[e] - largest) : T(0);
        weights(row, static_cast<Eigen::Index>(e)) = weight;
        sum += weight;
      }
      weights.row(row) /= sum;
    }
  });
  return weights;
}

template <class T>
void route_backward(Team team, const Matrix<T>& weights, Matrix<T>& g) {
  for_rows(team, g.rows(), [&](Eigen::Index first, Eigen::Index rows) {
    for (Eigen::Index row = first; row < first + rows; ++row) {
      const T mean = weights.row(row).dot(g.row(row));
      g.row(row) = (weights.row(row).array() * (g.row(row).array() - mean)).matrix().eval();
    }
  });
}

template <class T>
[[nodiscard]] Matrix<T> weighed(Team team, const Matrix<T>& weights, Eigen::Index expert, const Matrix<T>& y) {
  Matrix<T> out(y.rows(), y.cols());
  for_rows(team, y.rows(), [&](Eigen::Index first, Eigen::Index rows) {
    for (Eigen::Index row = first; row < first + rows; ++row) out.row(row) = weights(row, expert) * y.row(row);
  });
  return out;
}

template <class T>
void put_dots(Team team, const Matrix<T>& a, const Matrix<T>& b, Eigen::Index expert, Matrix<T>& into) {
  for_rows(team, a.rows(), [&](Eigen::Index first, Eigen::Index rows) {
    for (Eigen::Index row = first; row < first + rows; ++row) into(row, expert) = a.row(row).dot(b.row(row));
  });
}

}  // namespace sigprop::simulate
