// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "../emulation.hpp"

struct CUstream_st {
  int device;
};

struct CUevent_st {
  int device;
  bool timed;
  bool recorded = false;
  std::chrono::steady_clock::time_point time{};
};

struct CUmemPoolHandle_st {
  int device;
};

struct cublasContext {
  int device;
  cublasMath_t math = CUBLAS_DEFAULT_MATH;
};

namespace sigprop::test::emulation::detail {

struct Device {
  std::size_t total;
  std::size_t used = 0;
  CUmemPoolHandle_st pool;
};

struct Allocation {
  std::size_t bytes;
  int device;
  /// From cudaMallocAsync: only this may be freed by cudaFreeAsync.
  bool pooled;
};

struct Failure {
  std::size_t after;
  int code;
};

/// All that the emulation remembers between calls. Hold the mutex to use it.
struct State {
  std::mutex mutex;
  std::vector<Device> devices{{default_bytes, 0, {0}}};
  std::map<std::uintptr_t, Allocation> allocations;
  std::map<void*, std::size_t> pinned;
  std::set<CUstream_st*> streams;
  std::set<CUevent_st*> events;
  std::set<cublasContext*> blas;
  std::map<std::string, Failure, std::less<>> failures;
  Order order = Order::ascending;
  std::uint64_t seed = 0;
  std::string fault;
  std::size_t launches = 0;
};

[[nodiscard]] State& state();

/// The device of the running host thread.
inline thread_local int current_device = 0;
inline thread_local cudaError_t last_error = cudaSuccess;

/// The code that fail_next has ordered for this call, or 0.
[[nodiscard]] int ordered_failure(const char* api_call);

/// The whole range lies in one live allocation.
[[nodiscard]] bool on_device(const void* first, std::size_t bytes, int device);
[[nodiscard]] bool on_any_device(const void* first, std::size_t bytes);
[[nodiscard]] bool begins_on_a_device(const void* first);

/// `stream`'s device, the current one for the default stream, or -1 for a stream that is not alive.
[[nodiscard]] int device_of(cudaStream_t stream);

/// Keeps a failure as the host thread's last error, as the runtime does.
inline cudaError_t noted(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

/// Runs the body of the runtime function `name`, unless there is no device or a failure is ordered.
template <class Body>
cudaError_t api(const char* name, Body body) {
  const std::lock_guard lock(state().mutex);
  if (const int ordered = ordered_failure(name)) return noted(static_cast<cudaError_t>(ordered));
  if (state().devices.empty()) return noted(cudaErrorNoDevice);
  return noted(body());
}

}  // namespace sigprop::test::emulation::detail
