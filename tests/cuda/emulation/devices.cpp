// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "detail/state.hpp"

// Devices, versions, streams and events of the runtime. Everything is done when a call returns, so
// there is nothing to wait for.

namespace detail = sigprop::test::emulation::detail;
using detail::api;
using detail::state;

namespace {

constexpr int emulated_version = 13000, multiprocessors = 2, shared_bytes = 48 * 1024;
constexpr int block_threads = 1024, block_depth = 64, grid_height = 65535, grid_width = 0x7fffffff;
constexpr int multiprocessor_threads = 2048, major_capability = 9, minor_capability = 0;

bool exists(int device) {
  return device >= 0 && static_cast<std::size_t>(device) < state().devices.size();
}

/// The attribute's value, or -1 for one that the emulation does not know.
int attribute(cudaDeviceAttr attr) {
  switch (attr) {
    case cudaDevAttrMaxThreadsPerBlock:
    case cudaDevAttrMaxBlockDimX:
    case cudaDevAttrMaxBlockDimY:
      return block_threads;
    case cudaDevAttrMaxBlockDimZ:
      return block_depth;
    case cudaDevAttrMaxGridDimX:
      return grid_width;
    case cudaDevAttrMaxGridDimY:
    case cudaDevAttrMaxGridDimZ:
      return grid_height;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      return shared_bytes;
    case cudaDevAttrWarpSize:
      return 32;
    case cudaDevAttrMultiProcessorCount:
      return multiprocessors;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      return multiprocessor_threads;
    case cudaDevAttrComputeCapabilityMajor:
      return major_capability;
    case cudaDevAttrComputeCapabilityMinor:
      return minor_capability;
    case cudaDevAttrMemoryPoolsSupported:
      return 1;
  }
  return -1;
}

cudaDeviceProp properties(std::size_t bytes) {
  cudaDeviceProp made{};
  std::strcpy(made.name, "emulated device");
  made.totalGlobalMem = bytes;
  made.sharedMemPerBlock = shared_bytes;
  made.warpSize = 32;
  made.maxThreadsPerBlock = block_threads;
  const int block[] = {block_threads, block_threads, block_depth}, grid[] = {grid_width, grid_height, grid_height};
  std::memcpy(made.maxThreadsDim, block, sizeof block);
  std::memcpy(made.maxGridSize, grid, sizeof grid);
  made.major = major_capability;
  made.minor = minor_capability;
  made.multiProcessorCount = multiprocessors;
  made.unifiedAddressing = 1;
  made.maxThreadsPerMultiProcessor = multiprocessor_threads;
  made.memoryPoolsSupported = 1;
  return made;
}

bool alive(cudaEvent_t event) {
  return state().events.contains(event);
}

float milliseconds(cudaEvent_t start, cudaEvent_t end) {
  return std::chrono::duration<float, std::milli>(end->time - start->time).count();
}

cudaError_t version(const char* name, int* value) {
  const std::lock_guard lock(state().mutex);
  if (const int ordered = detail::ordered_failure(name)) return detail::noted(static_cast<cudaError_t>(ordered));
  if (value == nullptr) return detail::noted(cudaErrorInvalidValue);
  *value = emulated_version;
  return cudaSuccess;
}

}  // namespace

cudaError_t cudaDriverGetVersion(int* driverVersion) {
  return version("cudaDriverGetVersion", driverVersion);
}
cudaError_t cudaRuntimeGetVersion(int* runtimeVersion) {
  return version("cudaRuntimeGetVersion", runtimeVersion);
}

cudaError_t cudaGetDeviceCount(int* count) {
  if (count == nullptr) return detail::noted(cudaErrorInvalidValue);
  *count = 0;
  return api("cudaGetDeviceCount", [&] {
    *count = static_cast<int>(state().devices.size());
    return cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int device) {
  return api("cudaSetDevice", [&] {
    if (!exists(device)) return cudaErrorInvalidDevice;
    detail::current_device = device;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDevice(int* device) {
  return api("cudaGetDevice", [&] {
    if (device == nullptr) return cudaErrorInvalidValue;
    *device = detail::current_device;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* prop, int device) {
  return api("cudaGetDeviceProperties", [&] {
    if (prop == nullptr) return cudaErrorInvalidValue;
    if (!exists(device)) return cudaErrorInvalidDevice;
    *prop = properties(state().devices[static_cast<std::size_t>(device)].total);
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attr, int device) {
  return api("cudaDeviceGetAttribute", [&] {
    if (value == nullptr || attribute(attr) < 0) return cudaErrorInvalidValue;
    if (!exists(device)) return cudaErrorInvalidDevice;
    *value = attribute(attr);
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceSynchronize() {
  return api("cudaDeviceSynchronize", [] { return cudaSuccess; });
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* memPool, int device) {
  return api("cudaDeviceGetDefaultMemPool", [&] {
    if (memPool == nullptr) return cudaErrorInvalidValue;
    if (!exists(device)) return cudaErrorInvalidDevice;
    *memPool = &state().devices[static_cast<std::size_t>(device)].pool;
    return cudaSuccess;
  });
}

cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t memPool, cudaMemPoolAttr, void* value) {
  return api("cudaMemPoolSetAttribute",
             [&] { return memPool == nullptr || value == nullptr ? cudaErrorInvalidValue : cudaSuccess; });
}

cudaError_t cudaMemPoolTrimTo(cudaMemPool_t memPool, std::size_t) {
  return api("cudaMemPoolTrimTo", [&] { return memPool == nullptr ? cudaErrorInvalidValue : cudaSuccess; });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* pStream, unsigned int flags) {
  return api("cudaStreamCreateWithFlags", [&] {
    if (pStream == nullptr || flags > cudaStreamNonBlocking) return cudaErrorInvalidValue;
    *pStream = *state().streams.insert(new CUstream_st{detail::current_device}).first;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return api("cudaStreamDestroy", [&] {
    if (state().streams.erase(stream) == 0) return cudaErrorInvalidResourceHandle;
    delete stream;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return api("cudaStreamSynchronize",
             [&] { return detail::device_of(stream) < 0 ? cudaErrorInvalidResourceHandle : cudaSuccess; });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int flags) {
  return api("cudaEventCreateWithFlags", [&] {
    if (event == nullptr || flags > (cudaEventBlockingSync | cudaEventDisableTiming)) return cudaErrorInvalidValue;
    const bool timed = (flags & cudaEventDisableTiming) == 0;
    *event = *state().events.insert(new CUevent_st{detail::current_device, timed}).first;
    return cudaSuccess;
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return api("cudaEventRecord", [&] {
    if (!alive(event) || detail::device_of(stream) != event->device) return cudaErrorInvalidResourceHandle;
    event->recorded = true;
    event->time = std::chrono::steady_clock::now();
    return cudaSuccess;
  });
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return api("cudaEventSynchronize", [&] { return alive(event) ? cudaSuccess : cudaErrorInvalidResourceHandle; });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return api("cudaEventDestroy", [&] {
    if (state().events.erase(event) == 0) return cudaErrorInvalidResourceHandle;
    delete event;
    return cudaSuccess;
  });
}

cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
  return api("cudaEventElapsedTime", [&] {
    if (ms == nullptr) return cudaErrorInvalidValue;
    for (const cudaEvent_t event : {start, end})
      if (!alive(event) || !event->timed || !event->recorded) return cudaErrorInvalidResourceHandle;
    *ms = milliseconds(start, end);
    return cudaSuccess;
  });
}
