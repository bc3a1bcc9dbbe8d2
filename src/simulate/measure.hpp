// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "simulate/matrix.hpp"
#include "simulate/sample.hpp"

namespace sigprop::simulate {

/// Writes the numbers of one signal or gradient at their place of the sample, with sums in float64.
template <class T>
void measure(Team team, Tokens tokens, const Matrix<T>& x, const SignalSlots& slots, Sample& sample);

/// Σ x².
template <class T>
[[nodiscard]] double squared_norm(Team team, const Matrix<T>& x);

}  // namespace sigprop::simulate
