// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "../cuda_runtime_api.h"

// The CUDA language for a host compiler: keywords, built-in variables, barriers and warp functions.
// The blocks of a launch run one after the other, so a block's shared memory can be a static
// variable. It keeps what the block before left there, which CUDA does not promise.

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))

namespace sigprop::test::emulation::detail {

/// What the built-in variables of the running thread say.
struct Position {
  uint3 thread{};
  uint3 block{};
  dim3 block_size;
  dim3 grid_size;
  int warp_size = 32;
};
inline Position position;

/// The line of a kernel that waits, for the message of a fault.
struct Site {
  const char* file = "";
  int line = 0;

  static constexpr Site here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) { return {file, line}; }
  friend bool operator==(const Site& a, const Site& b) { return a.line == b.line && std::strcmp(a.file, b.file) == 0; }
};

/// What a thread waits at.
enum class Barrier { none, block, warp, shuffle, shuffle_up, shuffle_down, shuffle_xor, ballot, any, all };

/// Waits for all threads of the block.
void meet_block(const Site& site);

/// Waits for the lanes that `mask` names and returns what the warp function `barrier` gives this
/// lane. `operand` and `width` are a shuffle's.
std::uint64_t meet_warp(Barrier barrier, unsigned mask, std::uint64_t value, unsigned operand, int width,
                        const Site& site);

/// Runs `thread(context)` once for each thread of the grid.
cudaError_t launch(const cudaLaunchConfig_t* config, void (*thread)(const void*), const void* context);

template <class T>
using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;

template <class T>
T shuffle(Barrier barrier, unsigned mask, T value, unsigned operand, int width, const Site& site) {
  static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8), "CUDA shuffles 4 or 8 bytes");
  return std::bit_cast<T>(
      static_cast<Bits<T>>(meet_warp(barrier, mask, std::bit_cast<Bits<T>>(value), operand, width, site)));
}

inline unsigned vote(Barrier barrier, unsigned mask, int predicate, const Site& site) {
  return static_cast<unsigned>(meet_warp(barrier, mask, predicate != 0, 0, 32, site));
}

}  // namespace sigprop::test::emulation::detail

inline const uint3& threadIdx = sigprop::test::emulation::detail::position.thread;
inline const uint3& blockIdx = sigprop::test::emulation::detail::position.block;
inline const dim3& blockDim = sigprop::test::emulation::detail::position.block_size;
inline const dim3& gridDim = sigprop::test::emulation::detail::position.grid_size;
inline const int& warpSize = sigprop::test::emulation::detail::position.warp_size;

inline void __syncthreads(
    sigprop::test::emulation::detail::Site site = sigprop::test::emulation::detail::Site::here()) {
  sigprop::test::emulation::detail::meet_block(site);
}

inline void __syncwarp(unsigned mask = 0xffffffffu,
                       sigprop::test::emulation::detail::Site site = sigprop::test::emulation::detail::Site::here()) {
  namespace detail = sigprop::test::emulation::detail;
  detail::meet_warp(detail::Barrier::warp, mask, 0, 0, 32, site);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              sigprop::test::emulation::detail::Site site = sigprop::test::emulation::detail::Site::here()) {
  namespace detail = sigprop::test::emulation::detail;
  return detail::shuffle(detail::Barrier::shuffle, mask, value, static_cast<unsigned>(source), width, site);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 sigprop::test::emulation::detail::Site site = sigprop::test::emulation::detail::Site::here()) {
  namespace detail = sigprop::test::emulation::detail;
  return detail::shuffle(detail::Barrier::shuffle_up, mask, value, delta, width, site);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   sigprop::test::emulation::detail::Site site = sigprop::test::emulation::detail::Site::here()) {
  namespace detail = sigprop::test::emulation::detail;
  return detail::shuffle(detail::Barrier::shuffle_down, mask, value, delta, width, site);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,
                  sigprop::test::emulation::detail::Site site = sigprop::test::emulation::detail::Site::here()) {
  namespace detail = sigprop::test::emulation::detail;
  return detail::shuffle(detail::Barrier::shuffle_xor, mask, value, static_cast<unsigned>(lane_mask), width, site);
}

inline unsigned __ballot_sync(
    unsigned mask, int predicate,
    sigprop::test::emulation::detail::Site site = sigprop::test::emulation::detail::Site::here()) {
  namespace detail = sigprop::test::emulation::detail;
  return detail::vote(detail::Barrier::ballot, mask, predicate, site);
}

inline int __any_sync(unsigned mask, int predicate,
                      sigprop::test::emulation::detail::Site site = sigprop::test::emulation::detail::Site::here()) {
  namespace detail = sigprop::test::emulation::detail;
  return static_cast<int>(detail::vote(detail::Barrier::any, mask, predicate, site));
}

inline int __all_sync(unsigned mask, int predicate,
                      sigprop::test::emulation::detail::Site site = sigprop::test::emulation::detail::Site::here()) {
  namespace detail = sigprop::test::emulation::detail;
  return static_cast<int>(detail::vote(detail::Barrier::all, mask, predicate, site));
}
