// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Random123/philox.h>

#include <Random123/uniform.hpp>
#include <cstdint>
#include <numbers>

#include "cuda/kernels/draw.hpp"
#include "cuda/kernels/launch.cuh"
#include "simulate/elementwise.hpp"

namespace sigprop::cuda {

/// Words 4 · block ... 4 · block + 3 of a tensor of replicate `replicate` of the batch: the same as
/// simulate::Draw's.
__device__ inline r123::Philox4x32::ctr_type words(DrawKey key, std::uint32_t tensor, std::size_t replicate,
                                                   std::uint64_t block) {
  const r123::Philox4x32::key_type seed{
      {static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)}};
  return r123::Philox4x32()({{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), tensor,
                              key.first_replicate + static_cast<std::uint32_t>(replicate)}},
                            seed);
}

struct NormalPair {
  float first;
  float second;
};

/// Two standard normal numbers by Box and Muller.
__device__ inline NormalPair normal_pair(std::uint32_t angle_word, std::uint32_t radius_word) {
  const float angle = r123::uneg11<float>(angle_word) * std::numbers::pi_v<float>;
  const float radius = sqrtf(-2.0F * logf(r123::u01<float>(radius_word)));
  float sine = 0, cosine = 0;
  sincosf(angle, &sine, &cosine);
  return {sine * radius, cosine * radius};
}

/// Element n of a tensor of normal numbers.
__device__ inline float normal_at(DrawKey key, std::uint32_t tensor, std::size_t replicate, std::uint64_t n) {
  const auto w = words(key, tensor, replicate, n / 4);
  const NormalPair pair = n % 4 < 2 ? normal_pair(w[0], w[1]) : normal_pair(w[2], w[3]);
  return n % 2 == 0 ? pair.first : pair.second;
}

/// Uniform in (0, 1): elements 2n and 2n + 1 of a tensor of words.
__device__ inline double uniform_at(DrawKey key, std::uint32_t tensor, std::size_t replicate, std::uint64_t n) {
  const auto w = words(key, tensor, replicate, n / 2);
  return n % 2 == 0 ? simulate::uniform_of(w[0], w[1]) : simulate::uniform_of(w[2], w[3]);
}

/// Dropout's factor for element n.
struct DropFactor {
  std::uint32_t limit = 0;  ///< words below it are dropped
  float kept = 1;

  __device__ float operator()(std::uint32_t word) const { return word < limit ? 0.0F : kept; }
};

inline DropFactor drop_factor(double probability) {
  return {simulate::drop_limit(probability), static_cast<float>(1 / (1 - probability))};
}

}  // namespace sigprop::cuda
