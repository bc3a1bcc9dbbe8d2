// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "cublas_v2.h"
#include "cuda_runtime_api.h"

/// What a test sets and reads of the emulated devices. A fresh emulation has one device of
/// `default_bytes`.
namespace sigprop::test::emulation {

inline constexpr std::size_t default_bytes = std::size_t{1} << 30;

/// The order in which the blocks of a launch run, and the threads of a block between two barriers.
/// A result that depends on it shows a missing barrier. With one_warp_ahead, a warp drawn at random
/// runs on, over its own shuffles, until it waits for the block: it writes the next round's shared
/// memory while others have not read the last.
enum class Order { ascending, descending, shuffled, one_warp_ahead };

void set_devices(int count, std::size_t bytes_each = default_bytes);

/// `seed` is for the random orders: each launch draws from it anew.
void set_order(Order order, std::uint64_t seed = 0);

/// Lets the call named `api_call`, e.g. "cudaMalloc", fail once with `error` after `after` more
/// successes.
void fail_next(std::string_view api_call, cudaError_t error, std::size_t after = 0);
void fail_next(std::string_view api_call, cublasStatus_t error, std::size_t after = 0);

/// Bytes that cudaMalloc and cudaMallocAsync gave of this device and no one has freed.
[[nodiscard]] std::size_t allocated_bytes(int device = 0);
/// The same of cudaMallocHost.
[[nodiscard]] std::size_t pinned_bytes();
/// Streams, events and cuBLAS handles that were created and not destroyed.
[[nodiscard]] std::size_t live_handles();

/// What the last misuse was: a kernel whose threads cannot go on, a copy out of bounds. Empty if
/// there was none.
[[nodiscard]] std::string last_fault();

/// Kernels that have run, failed ones included.
[[nodiscard]] std::size_t launches();

/// Back to the fresh state. Frees what is left on the devices and forgets this thread's last error.
void reset();

/// A fresh emulation for one test.
struct Session {
  Session() { reset(); }
  ~Session() { reset(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
};

}  // namespace sigprop::test::emulation
