// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulate/elementwise.hpp"
#include "simulate/matrix.hpp"

namespace sigprop::simulate {

/// φ(x) and φ'(x), element by element. The derivative is made here, where what both have in common
/// is at hand.
template <class T>
[[nodiscard]] Slope<Matrix<T>> activate(Team team, network::ActivationKind kind, const Matrix<T>& x) {
  Slope<Matrix<T>> out{Matrix<T>(x.rows(), x.cols()), Matrix<T>(x.rows(), x.cols())};
  with_activation(kind, [&](const auto& f) {
    for_rows(team, x.rows(), [&](Eigen::Index first, Eigen::Index count) {
      const T* from = x.row(first).data();
      T* value = out.value.row(first).data();
      T* derivative = out.derivative.row(first).data();
      for (Eigen::Index i = 0; i < count * x.cols(); ++i) {
        const Slope<T> slope = f(from[i]);
        value[i] = slope.value;
        derivative[i] = slope.derivative;
      }
    });
  });
  return out;
}

}  // namespace sigprop::simulate
