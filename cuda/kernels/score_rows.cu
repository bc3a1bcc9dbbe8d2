// SPDX-License-Identifier: Apache-2.0
#include "cuda/kernels/score_rows.hpp"

#include "cuda/kernels/sums.cuh"

namespace sigprop::cuda {
namespace {

/// Block: row. scores (rows, length + 1) end with what the row shares; they are written over.
__global__ void softmax_rows(std::size_t length, float own, float common, float scale, float* scores,
                             const float* gradients, Several<4>* sums) {
  float* a = scores + blockIdx.x * (length + 1);
  const float* g = gradients + blockIdx.x * length;
  const float shared = common * a[length], keys = static_cast<float>(length);
  float top = -INFINITY;
  for (std::size_t j = threadIdx.x; j < length; j += block_threads) {
    a[j] = own * a[j] + shared;
    top = Largest{}(top, a[j]);
  }
  top = over_threads<block_threads>(top, Largest{});
  double partition = 0;
  for (std::size_t j = threadIdx.x; j < length; j += block_threads) {
    a[j] = expf(a[j] - top);
    partition += a[j];
  }
  const float factor = keys / static_cast<float>(over_threads<block_threads>(partition));
  double along = 0;
  for (std::size_t j = threadIdx.x; j < length; j += block_threads) {
    a[j] *= factor;
    along += a[j] * (scale * g[j]);
  }
  const float mean = static_cast<float>(over_threads<block_threads>(along)) / keys;
  Several<4> sum{};
  for (std::size_t j = threadIdx.x; j < length; j += block_threads) {
    const double output = a[j] - 1.0F, back = a[j] * (scale * g[j] - mean);
    sum += Several<4>{{output, output * output, back, back * back}};
  }
  sum = over_block(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

struct LoadRow {
  const Several<4>* rows;

  __device__ Several<4> operator()(std::size_t i) const { return rows[i]; }
};

struct WriteSums {
  Several<4>* out;

  __device__ void operator()(std::size_t, const Several<4>& sum) const { *out = sum; }
};

}  // namespace

RowSums softmax_of_random_rows(Context& context, DrawKey key, std::size_t rows, std::size_t length,
                               std::uint32_t score_tensor, std::uint32_t gradient_tensor, float own, float common,
                               float gradient) {
  const Buffer<float> scores(context, rows * (length + 1)), gradients(context, rows * length);
  const Buffer<Several<4>> of_rows(context, rows), total(context, 1);
  normals(context, key, score_tensor, rows, length + 1, 1, scores.data());
  normals(context, key, gradient_tensor, rows, length, 1, gradients.data());
  launch(context, grid_of(rows), dim3(block_threads), softmax_rows, length, own, common, gradient, scores.data(),
         gradients.data(), of_rows.data());
  sum_over(context, 1, rows, LoadRow{of_rows.data()}, WriteSums{total.data()});
  RowSums out;
  context.download(&out, total.data(), sizeof out);
  return out;
}

}  // namespace sigprop::cuda
