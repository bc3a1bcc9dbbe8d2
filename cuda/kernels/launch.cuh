// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "cuda/context.hpp"

/// What the kernels share: launches, loops over elements, sums over a block.
namespace sigprop::cuda {

inline constexpr int warp = 32;
inline constexpr int block_threads = 256;

/// A size that is known to be below 2³².
inline std::uint32_t small(std::size_t n) {
  return static_cast<std::uint32_t>(n);
}

/// Launches a kernel on the context's stream; a dry context does nothing.
template <class... Parameters, class... Arguments>
void launch(Context& context, dim3 grid, dim3 block, void (*kernel)(Parameters...), const Arguments&... arguments) {
  if (context.is_dry()) return;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = static_cast<cudaStream_t>(context.stream());
  context.require(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), "cudaLaunchKernelEx");
}

/// A block for every piece of work.
inline dim3 grid_of(std::size_t blocks) {
  return dim3(static_cast<unsigned>(blocks));
}

/// As many blocks as it takes for rows of which each works on several.
inline dim3 grid_of_rows(std::size_t rows, std::size_t rows_in_a_block) {
  return grid_of((rows + rows_in_a_block - 1) / rows_in_a_block);
}

/// Blocks of one thread an item, not more than keep every device of today busy: the kernel walks
/// with the grid's stride.
inline dim3 grid_for(std::size_t items) {
  constexpr std::size_t most = 132 * 16;
  const std::size_t blocks = (items + block_threads - 1) / block_threads;
  return grid_of(std::clamp<std::size_t>(blocks, 1, most));
}

__device__ inline std::size_t first_item() {
  return static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

__device__ inline std::size_t item_stride() {
  return static_cast<std::size_t>(gridDim.x) * blockDim.x;
}

/// f(i) for i < count.
template <class F>
__global__ void for_each_item(std::size_t count, F f) {
  for (std::size_t i = first_item(); i < count; i += item_stride()) f(i);
}

template <class F>
void over_items(Context& context, std::size_t count, const F& f) {
  if (count > 0) launch(context, grid_for(count), dim3(block_threads), for_each_item<F>, count, f);
}

/// f.put(i, f.value(i)) for i < count. A thread reads several items before it writes the first, so
/// that several reads are under way; what an item reads may only be written by itself.
template <class F>
__global__ void map_each_item(std::size_t count, F f) {
  constexpr int together = 4;
  const std::size_t stride = item_stride();
  for (std::size_t i = first_item(); i < count; i += together * stride) {
    decltype(f.value(i)) values[together]{};
#pragma unroll
    for (int k = 0; k < together; ++k) {
      if (i + k * stride < count) values[k] = f.value(i + k * stride);
    }
#pragma unroll
    for (int k = 0; k < together; ++k) {
      if (i + k * stride < count) f.put(i + k * stride, values[k]);
    }
  }
}

template <class F>
void map_items(Context& context, std::size_t count, const F& f) {
  if (count > 0) launch(context, grid_for(count), dim3(block_threads), map_each_item<F>, count, f);
}

/// f(replicate, i) for the `count` items i of every replicate. A division of 64 bits is many
/// instructions, so the grid has the replicate.
template <class F>
__global__ void for_each_of_replicate(std::size_t first, std::size_t count, F f) {
  for (std::size_t i = first_item(); i < count; i += item_stride()) f(first + blockIdx.y, i);
}

template <class F>
void over_replicates(Context& context, std::size_t replicates, std::size_t count, const F& f) {
  constexpr std::size_t most = 65535;  // of a grid, in y
  dim3 grid = grid_for(count);
  for (std::size_t first = 0; first < replicates && count > 0; first += most) {
    grid.y = static_cast<unsigned>(std::min(most, replicates - first));
    launch(context, grid, dim3(block_threads), for_each_of_replicate<F>, first, count, f);
  }
}

/// f(row, lane): a warp works on a row, whose place it has to find only once.
template <class F>
__global__ void for_each_row(unsigned rows, F f) {
  const unsigned row = blockIdx.x * blockDim.y + threadIdx.y;
  if (row < rows) f(row, threadIdx.x);
}

template <class F>
void over_rows(Context& context, std::size_t rows, const F& f) {
  constexpr unsigned together = block_threads / warp;
  if (rows > 0)
    launch(context, grid_of_rows(rows, together), dim3(warp, together), for_each_row<F>, static_cast<unsigned>(rows),
           f);
}

struct Plus {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};

struct Largest {
  __device__ float operator()(float a, float b) const { return a < b ? b : a; }
};

/// The sum (or what `combine` makes) of every lane's value, the same bits in all lanes.
template <class T, class Combine = Plus>
__device__ T over_warp(T value, Combine combine = {}) {
  for (int offset = warp / 2; offset > 0; offset /= 2)
    value = combine(value, __shfl_xor_sync(0xffffffffU, value, offset));
  return value;
}

/// The same over `threads` consecutive threads: a warp, or a whole block of that size, all of whose
/// threads must call it.
template <int threads, class T, class Combine = Plus>
__device__ T over_threads(T value, Combine combine = {}) {
  value = over_warp(value, combine);
  if constexpr (threads > warp) {
    __shared__ T parts[threads / warp];
    const int thread = static_cast<int>(threadIdx.x + blockDim.x * threadIdx.y);
    if (thread % warp == 0) parts[thread / warp] = value;
    __syncthreads();
    value = parts[0];
    for (int i = 1; i < threads / warp; ++i) value = combine(value, parts[i]);
    __syncthreads();  // before the next call writes
  }
  return value;
}

/// Rows that a block of block_threads works on at once, with `threads` threads each.
template <int threads>
inline constexpr int rows_per_block = block_threads / threads;

/// Calls with(std::integral_constant threads): a warp for a short row, a block for a long one.
template <class With>
void with_row_threads(std::size_t columns, const With& with) {
  constexpr std::size_t long_row = 1024;
  if (columns < long_row) {
    with(std::integral_constant<int, warp>{});
  } else {
    with(std::integral_constant<int, block_threads>{});
  }
}

}  // namespace sigprop::cuda
