// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

#include "vector_types.h"

// bfloat16 as a storage type: conversions only, no arithmetic.

struct __nv_bfloat16_raw {
  unsigned short x;
};

struct alignas(2) __nv_bfloat16 {
  __nv_bfloat16() = default;
  constexpr __nv_bfloat16(const __nv_bfloat16_raw& raw) : bits(raw.x) {}
  constexpr operator __nv_bfloat16_raw() const { return {bits}; }

 private:
  unsigned short bits;
};

struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;
};

using nv_bfloat16 = __nv_bfloat16;
using nv_bfloat162 = __nv_bfloat162;

inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 h) {
  return static_cast<__nv_bfloat16_raw>(h).x;
}
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short i) {
  return __nv_bfloat16_raw{i};
}

/// To the nearest, ties to even. Every NaN becomes 0x7fff, as NVIDIA's does.
inline __nv_bfloat16 __float2bfloat16_rn(float a) {
  const auto bits = std::bit_cast<std::uint32_t>(a);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return __nv_bfloat16_raw{0x7fff};
  const std::uint32_t odd = bits >> 16 & 1u;
  return __nv_bfloat16_raw{static_cast<unsigned short>((bits + 0x7fffu + odd) >> 16)};
}
inline __nv_bfloat16 __float2bfloat16(float a) {
  return __float2bfloat16_rn(a);
}

inline float __bfloat162float(__nv_bfloat16 a) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(__bfloat16_as_ushort(a)) << 16);
}

inline __nv_bfloat162 make_bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) {
  return {x, y};
}
inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) {
  return {a, b};
}
inline __nv_bfloat162 __floats2bfloat162_rn(float a, float b) {
  return {__float2bfloat16_rn(a), __float2bfloat16_rn(b)};
}
inline __nv_bfloat162 __float22bfloat162_rn(float2 a) {
  return __floats2bfloat162_rn(a.x, a.y);
}
inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 a) {
  return a.x;
}
inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 a) {
  return a.y;
}
inline float __low2float(__nv_bfloat162 a) {
  return __bfloat162float(a.x);
}
inline float __high2float(__nv_bfloat162 a) {
  return __bfloat162float(a.y);
}
inline float2 __bfloat1622float2(__nv_bfloat162 a) {
  return {__low2float(a), __high2float(a)};
}
