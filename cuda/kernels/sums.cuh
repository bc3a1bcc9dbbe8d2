// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/kernels/launch.cuh"

namespace sigprop::cuda {

/// Several sums that are taken together.
template <int size>
struct Several {
  double part[size];

  __device__ Several& operator+=(const Several& other) {
    for (int i = 0; i < size; ++i) part[i] += other.part[i];
    return *this;
  }
};

/// Over one block: in thread 0, and in all.
template <int size>
__device__ Several<size> over_block(Several<size> value) {
  for (int i = 0; i < size; ++i) value.part[i] = over_threads<block_threads>(value.part[i]);
  return value;
}

/// Slices that the items of one replicate are divided into. They depend on the count alone, so that
/// sums are the same on every device.
inline std::size_t slices_of(std::size_t count) {
  constexpr std::size_t most = 1024, items_a_thread = 16;
  return std::clamp<std::size_t>(count / (block_threads * items_a_thread), 1, most);
}

template <class Load, class Sum>
__global__ void sum_slices(std::size_t count, std::size_t slices, Load load, Sum* partial) {
  const std::size_t replicate = blockIdx.x / slices, slice = blockIdx.x % slices;
  constexpr int together = 4;  // loads under way at once
  const std::size_t stride = slices * block_threads;
  Sum sum{};
  for (std::size_t i = slice * block_threads + threadIdx.x; i < count; i += together * stride) {
    Sum items[together]{};
#pragma unroll
    for (int k = 0; k < together; ++k) {
      if (i + k * stride < count) items[k] = load(replicate * count + i + k * stride);
    }
#pragma unroll
    for (int k = 0; k < together; ++k) sum += items[k];
  }
  sum = over_block(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

template <class Sum, class Finish>
__global__ void sum_up(std::size_t slices, const Sum* partial, Finish finish) {
  Sum sum{};
  for (std::size_t slice = threadIdx.x; slice < slices; slice += block_threads)
    sum += partial[blockIdx.x * slices + slice];
  sum = over_block(sum);
  if (threadIdx.x == 0) finish(static_cast<std::size_t>(blockIdx.x), sum);
}

/// finish(replicate, Σ load(i)) over the `count` items i of every replicate, in float64 and a fixed
/// order.
template <class Load, class Finish>
void sum_over(Context& context, std::size_t replicates, std::size_t count, const Load& load, const Finish& finish) {
  using Sum = decltype(load(std::size_t{}));
  const std::size_t slices = slices_of(count);
  const Buffer<Sum> partial(context, replicates * slices);
  launch(context, grid_of(replicates * slices), dim3(block_threads), sum_slices<Load, Sum>, count, slices, load,
         partial.data());
  launch(context, grid_of(replicates), dim3(block_threads), sum_up<Sum, Finish>, slices, partial.data(), finish);
}

}  // namespace sigprop::cuda
