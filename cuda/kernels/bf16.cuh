// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "cuda/context.hpp"

namespace sigprop::cuda {

/// Writes a number as what the place holds: rounded to the nearest, ties to even.
__device__ inline void store(float& to, float value) {
  to = value;
}
__device__ inline void store(Bf16& to, float value) {
  to.bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
}

/// Four at once, at a place that is a multiple of four from the beginning of its memory.
__device__ inline void store4(float* to, const float (&values)[4]) {
  *reinterpret_cast<float4*>(to) = make_float4(values[0], values[1], values[2], values[3]);
}
__device__ inline void store4(Bf16* to, const float (&values)[4]) {
  struct alignas(8) Four {
    Bf16 part[4];
  } four;
  for (int i = 0; i < 4; ++i) store(four.part[i], values[i]);
  *reinterpret_cast<Four*>(to) = four;
}

}  // namespace sigprop::cuda
