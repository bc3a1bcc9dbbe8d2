// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// Standard normal numbers from counters, compiled for several processors: most of a simulation's
/// random numbers come from here.
namespace sigprop::simulate {

/// The stream that numbers are taken from: Philox's key and the upper half of its counter.
struct NormalStream {
  std::uint32_t key[2];
  std::uint32_t tensor;
  std::uint32_t replicate;
};

/// Blocks of four numbers in one call: they stay in the first cache.
inline constexpr std::ptrdiff_t largest_normal_blocks = 256;

/// Writes the 4 · count numbers of the blocks first, first + 1, ...; at most
/// `largest_normal_blocks`.
using Normals = void(const NormalStream& stream, std::uint64_t first, std::ptrdiff_t count, float* out);

Normals normals_portable;  ///< runs on every processor
Normals normals_avx2;      ///< needs AVX2 and FMA

}  // namespace sigprop::simulate
