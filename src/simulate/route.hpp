// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

#include "simulate/elementwise.hpp"
#include "simulate/matrix.hpp"

/// How a router weighs the experts of every token: a row a token, a column an expert.
namespace sigprop::simulate {

template <class T>
[[nodiscard]] Matrix<T> route(Team team, network::Router router, std::size_t chosen, const Matrix<T>& logits) {
  using network::Router;
  Matrix<T> weights(logits.rows(), logits.cols());
  const auto count = static_cast<std::size_t>(logits.cols());
  for_rows(team, logits.rows(), [&](Eigen::Index first, Eigen::Index rows) {
    for (Eigen::Index row = first; row < first + rows; ++row) {
      const T* logit = logits.row(row).data();
      const T largest = *std::max_element(logit, logit + count);
      T sum = 0;
      for (std::size_t e = 0; e < count; ++e) {
        const bool taken = is_routed_to({count, chosen, e}, [&](std::size_t other) { return logit[other]; });
        const T size = size_of_choice(router, logit[e], largest);
        weights(row, static_cast<Eigen::Index>(e)) = taken ? size : T(0);
        if (taken || router == Router::softmax_over_all) sum += size;
      }
      if (router != Router::plain_sigmoid) weights.row(row) /= sum;
    }
  });
  return weights;
}

/// The gradient at the logits from that at the weights.
template <class T>
void route_backward(Team team, network::Router router, const Matrix<T>& logits, const Matrix<T>& weights,
                    Matrix<T>& g) {
  using network::Router;
  for_rows(team, g.rows(), [&](Eigen::Index first, Eigen::Index rows) {
    for (Eigen::Index row = first; row < first + rows; ++row) {
      const T mean = weights.row(row).dot(g.row(row));
      const T largest = logits.row(row).maxCoeff();
      const bool shares = router == Router::softmax_over_all;  // no other needs the softmax over all
      const T all = shares ? (logits.row(row).array() - largest).exp().sum() : T(1);
      for (Eigen::Index e = 0; e < g.cols(); ++e) {
        const T share = shares ? std::exp(logits(row, e) - largest) / all : T(0);
        g(row, e) = at_logit(router, logits(row, e), share, weights(row, e), g(row, e), mean);
      }
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
