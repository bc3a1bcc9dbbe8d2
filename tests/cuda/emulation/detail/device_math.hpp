// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <math.h>

#include <bit>
#include <cstdint>

// Device functions that <math.h> lacks. The single-precision ones are computed in double and
// rounded once, so they are at least as exact as the device's. Newer C libraries bring some of them
// themselves.

inline float __sigprop_sinpi(double x) {
  constexpr double pi = 3.14159265358979323846;
  const double quarter = rint(2 * x), rest = pi * (x - quarter / 2);
  const int quadrant = static_cast<int>(quarter - 4 * floor(quarter / 4));
  const double value = quadrant % 2 == 0 ? sin(rest) : cos(rest);
  return static_cast<float>(quadrant < 2 ? value : -value);
}

#if !defined(__GLIBC__) || !__GLIBC_PREREQ(2, 41)
inline float sinpif(float x) {
  return isinf(x) ? NAN : __sigprop_sinpi(x);
}
inline float cospif(float x) {
  return isinf(x) ? NAN : __sigprop_sinpi(static_cast<double>(x) + 0.5);
}
#endif
#if !defined(__GLIBC__) || !__GLIBC_PREREQ(2, 42)
inline float rsqrtf(float x) {
  return static_cast<float>(1 / sqrt(static_cast<double>(x)));
}
inline double rsqrt(double x) {
  return 1 / sqrt(x);
}
#endif
inline void sincospif(float x, float* sine, float* cosine) {
  *sine = sinpif(x);
  *cosine = cospif(x);
}

inline unsigned int __umulhi(unsigned int x, unsigned int y) {
  return static_cast<unsigned int>(static_cast<std::uint64_t>(x) * y >> 32);
}

inline float __uint_as_float(unsigned int x) {
  return std::bit_cast<float>(x);
}
inline unsigned int __float_as_uint(float x) {
  return std::bit_cast<unsigned int>(x);
}
inline float __int_as_float(int x) {
  return std::bit_cast<float>(x);
}
inline int __float_as_int(float x) {
  return std::bit_cast<int>(x);
}

inline float __uint2float_rn(unsigned int x) {
  return static_cast<float>(x);
}
inline float __double2float_rn(double x) {
  return static_cast<float>(x);
}
inline float __fmaf_rn(float x, float y, float z) {
  return fmaf(x, y, z);
}
inline float __fadd_rn(float x, float y) {
  return x + y;
}
inline float __fmul_rn(float x, float y) {
  return x * y;
}
inline float __fdiv_rn(float x, float y) {
  return x / y;
}
inline float __fsqrt_rn(float x) {
  return sqrtf(x);
}
inline int __popc(unsigned int x) {
  return std::popcount(x);
}

/// A load through the read-only cache.
template <class T>
T __ldg(const T* pointer) {
  return *pointer;
}
