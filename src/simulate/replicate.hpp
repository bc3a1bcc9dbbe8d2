// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

#include "simulate/draw.hpp"
#include "simulate/matrix.hpp"
#include "simulate/sample.hpp"

namespace sigprop::simulate {

/// How tests look into a network and change it.
template <class T>
struct Probe {
  std::function<void(std::uint32_t tensor, Matrix<T>&)> weight;  ///< every matrix of weights after its draw
  std::function<void(std::uint32_t tensor, const Matrix<T>&)> weight_gradient;     ///< of the same tensors
  std::function<void(Matrix<T>&)> input;                                           ///< at the source of the body
  std::function<void(const Matrix<T>& output, const Matrix<T>& gradient)> output;  ///< at the end of the body
  std::function<void(const Matrix<T>&)> input_gradient;                            ///< at the point "input" of the body
};

/// Draws the network of this replicate, goes forward and backward, and measures. T: float or
/// double. Between components, throws Stopped where `stop` is set.
template <class T>
[[nodiscard]] Sample run_replicate(const Subject& subject, const Draw& draw, Team team, Policy policy,
                                   const std::atomic<bool>* stop = nullptr, const Probe<T>* probe = nullptr);

/// Number of elements that a replicate holds at its peak under a policy, matrices only.
[[nodiscard]] double elements_held(const network::Network& network, Policy policy);

}  // namespace sigprop::simulate
