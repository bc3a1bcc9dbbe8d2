// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/kernels/draw.hpp"

namespace sigprop::cuda {

/// Sums over all rows and places of the softmax of random scores: of L·A - 1 and its square, of the
/// gradient at L times the scores and its square.
struct RowSums {
  double output = 0;
  double output_squares = 0;
  double gradient = 0;
  double gradient_squares = 0;
};

/// Row r is replicate r of the key: scores own · z + common · z' with z elements 0 ... length - 1
/// and z' element `length` of `score_tensor`; output gradient `gradient` · z of `gradient_tensor`.
/// Sums over a row in float64; waits for the result.
[[nodiscard]] RowSums softmax_of_random_rows(Context& context, DrawKey key, std::size_t rows, std::size_t length,
                                             std::uint32_t score_tensor, std::uint32_t gradient_tensor, float own,
                                             float common, float gradient);

}  // namespace sigprop::cuda
