// SPDX-License-Identifier: Apache-2.0
#include "cuda/kernels/norm.hpp"

#include "cuda/kernels/launch.cuh"

namespace sigprop::cuda {
namespace {

/// The row that `threads` threads of this block work on, with the thread's place among them.
/// Threads beyond the last row get no columns, but take part in the sums.
struct RowShare {
  std::size_t row;
  std::size_t begin;
  std::size_t end;
};

template <int threads>
__device__ RowShare row_share(std::size_t rows, std::size_t columns) {
  const std::size_t row = static_cast<std::size_t>(blockIdx.x) * rows_per_block<threads> + threadIdx.x / threads;
  return {row, threadIdx.x % threads, row < rows ? columns : 0};
}

template <int threads>
__global__ void normalize_rows(bool centered, float epsilon, std::size_t rows, std::size_t columns, const float* x,
                               float* y, float* inverse_scale) {
  const RowShare share = row_share<threads>(rows, columns);
  const float* from = x + share.row * columns;
  const float width = static_cast<float>(columns);
  float sum = 0;
  for (std::size_t j = share.begin; j < share.end; j += threads) sum += from[j];
  const float mean = centered ? over_threads<threads>(sum) / width : 0.0F;
  float squares = 0;
  for (std::size_t j = share.begin; j < share.end; j += threads) squares += (from[j] - mean) * (from[j] - mean);
  const float inverse = 1 / sqrtf(over_threads<threads>(squares) / width + epsilon);
  for (std::size_t j = share.begin; j < share.end; j += threads)
    y[share.row * columns + j] = (from[j] - mean) * inverse;
  if (share.begin == 0 && share.end > 0) inverse_scale[share.row] = inverse;
}

template <int threads>
__global__ void normalize_rows_backward(bool centered, std::size_t rows, std::size_t columns, const float* y,
                                        const float* inverse_scale, float* g) {
  const RowShare share = row_share<threads>(rows, columns);
  const float* from = y + share.row * columns;
  float* to = g + share.row * columns;
  const float width = static_cast<float>(columns);
  float sum = 0, along = 0;
  for (std::size_t j = share.begin; j < share.end; j += threads) {
    sum += to[j];
    along += to[j] * from[j];
  }
  const float mean = centered ? over_threads<threads>(sum) / width : 0.0F;
  along = over_threads<threads>(along) / width;
  const float inverse = share.end > 0 ? inverse_scale[share.row] : 0.0F;
  for (std::size_t j = share.begin; j < share.end; j += threads) to[j] = (to[j] - mean - from[j] * along) * inverse;
}

}  // namespace

void normalize(Context& context, network::NormKind kind, double epsilon, std::size_t rows, std::size_t columns,
               const float* x, float* y, float* inverse_scale) {
  with_row_threads(columns, [&](auto threads) {
    launch(context, grid_of_rows(rows, rows_per_block<threads>), dim3(block_threads), normalize_rows<threads>,
           kind == network::NormKind::layer_norm, static_cast<float>(epsilon), rows, columns, x, y, inverse_scale);
  });
}

void normalize_backward(Context& context, network::NormKind kind, std::size_t rows, std::size_t columns, const float* y,
                        const float* inverse_scale, float* g) {
  with_row_threads(columns, [&](auto threads) {
    launch(context, grid_of_rows(rows, rows_per_block<threads>), dim3(block_threads), normalize_rows_backward<threads>,
           kind == network::NormKind::layer_norm, rows, columns, y, inverse_scale, g);
  });
}

}  // namespace sigprop::cuda
