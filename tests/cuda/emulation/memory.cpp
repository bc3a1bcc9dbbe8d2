// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <cstring>

#include "detail/state.hpp"

// Device memory is host memory: AddressSanitizer guards its ends, and new memory is all ones, a NaN
// in every type.

namespace detail = sigprop::test::emulation::detail;
using detail::api;
using detail::state;

namespace {

/// As cudaMalloc aligns.
constexpr std::size_t alignment = 256;
constexpr int unset_byte = 0xff;

cudaError_t fault(const std::string& text, cudaError_t error) {
  state().fault = text;
  return error;
}

/// Not rounded up, so that the byte after the last is guarded.
void* unset_memory(std::size_t bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, bytes) != 0) return nullptr;
  return std::memset(memory, unset_byte, bytes);
}

cudaError_t allocate(void** pointer, std::size_t bytes, int device, bool pooled) {
  if (pointer == nullptr) return cudaErrorInvalidValue;
  if (device < 0) return cudaErrorInvalidResourceHandle;
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  detail::Device& owner = state().devices.at(static_cast<std::size_t>(device));
  if (bytes > owner.total - owner.used) return cudaErrorMemoryAllocation;
  *pointer = unset_memory(bytes);
  if (*pointer == nullptr) return cudaErrorMemoryAllocation;
  owner.used += bytes;
  state().allocations[reinterpret_cast<std::uintptr_t>(*pointer)] = {bytes, device, pooled};
  return cudaSuccess;
}

cudaError_t release(const char* name, void* pointer, int device, bool only_pooled) {
  if (device < 0) return cudaErrorInvalidResourceHandle;
  if (pointer == nullptr) return cudaSuccess;
  const auto found = state().allocations.find(reinterpret_cast<std::uintptr_t>(pointer));
  if (found == state().allocations.end())
    return fault(std::string(name) + ": the pointer is not that of a live allocation", cudaErrorInvalidValue);
  if (found->second.device != device)
    return fault(std::string(name) + ": the pointer belongs to another device", cudaErrorInvalidValue);
  if (only_pooled && !found->second.pooled)
    return fault(std::string(name) + ": the pointer is not cudaMallocAsync's", cudaErrorInvalidValue);
  state().devices.at(static_cast<std::size_t>(device)).used -= found->second.bytes;
  state().allocations.erase(found);
  std::free(pointer);
  return cudaSuccess;
}

/// One side of a copy: `height` rows of `width` bytes, `pitch` apart.
struct Rows {
  const void* first;
  std::size_t pitch, width, height;

  [[nodiscard]] std::size_t bytes() const { return (height - 1) * pitch + width; }
};

cudaError_t check_side(const std::string& name, const char* side, const Rows& rows, bool device) {
  const bool begins = detail::begins_on_a_device(rows.first);
  if (rows.first == nullptr) return fault(name + ": the " + side + " is null", cudaErrorInvalidValue);
  if (begins && !device) return fault(name + ": the " + side + " is device memory", cudaErrorInvalidValue);
  if (device && !detail::on_any_device(rows.first, rows.bytes()))
    return fault(name + ": the " + side + " is not " + std::to_string(rows.bytes()) + " bytes of device memory",
                 cudaErrorInvalidValue);
  return cudaSuccess;
}

bool to_device(const Rows& rows, cudaMemcpyKind kind) {
  if (kind == cudaMemcpyDefault) return detail::begins_on_a_device(rows.first);
  return kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
}

bool from_device(const Rows& rows, cudaMemcpyKind kind) {
  if (kind == cudaMemcpyDefault) return detail::begins_on_a_device(rows.first);
  return kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
}

cudaError_t copy(const char* name, void* destination, const Rows& to, const Rows& from, cudaMemcpyKind kind,
                 cudaStream_t stream) {
  if (detail::device_of(stream) < 0) return cudaErrorInvalidResourceHandle;
  if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
  if (to.width > to.pitch || from.width > from.pitch) return cudaErrorInvalidPitchValue;
  if (to.width == 0 || to.height == 0) return cudaSuccess;
  cudaError_t error = check_side(name, "destination", to, to_device(to, kind));
  if (error == cudaSuccess) error = check_side(name, "source", from, from_device(from, kind));
  for (std::size_t row = 0; error == cudaSuccess && row < to.height; ++row)
    std::memcpy(static_cast<char*>(destination) + row * to.pitch,
                static_cast<const char*>(from.first) + row * from.pitch, to.width);
  return error;
}

cudaError_t copy_flat(const char* name, void* dst, const void* src, std::size_t count, cudaMemcpyKind kind,
                      cudaStream_t stream) {
  return api(name, [&] { return copy(name, dst, {dst, count, count, 1}, {src, count, count, 1}, kind, stream); });
}

cudaError_t set(const char* name, void* pointer, int value, std::size_t count, cudaStream_t stream) {
  return api(name, [&] {
    if (detail::device_of(stream) < 0) return cudaErrorInvalidResourceHandle;
    if (count == 0) return cudaSuccess;
    const cudaError_t error = check_side(name, "destination", {pointer, count, count, 1}, true);
    if (error == cudaSuccess) std::memset(pointer, value, count);
    return error;
  });
}

}  // namespace

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return api("cudaMemGetInfo", [&] {
    if (free == nullptr || total == nullptr) return cudaErrorInvalidValue;
    const detail::Device& device = state().devices.at(static_cast<std::size_t>(detail::current_device));
    *free = device.total - device.used;
    *total = device.total;
    return cudaSuccess;
  });
}

cudaError_t cudaMalloc(void** devPtr, std::size_t size) {
  return api("cudaMalloc", [&] { return allocate(devPtr, size, detail::current_device, false); });
}

cudaError_t cudaFree(void* devPtr) {
  return api("cudaFree", [&] { return release("cudaFree", devPtr, detail::current_device, false); });
}

cudaError_t cudaMallocAsync(void** devPtr, std::size_t size, cudaStream_t hStream) {
  return api("cudaMallocAsync", [&] { return allocate(devPtr, size, detail::device_of(hStream), true); });
}

cudaError_t cudaFreeAsync(void* devPtr, cudaStream_t hStream) {
  return api("cudaFreeAsync", [&] { return release("cudaFreeAsync", devPtr, detail::device_of(hStream), true); });
}

cudaError_t cudaMallocHost(void** ptr, std::size_t size) {
  return api("cudaMallocHost", [&] {
    if (ptr == nullptr) return cudaErrorInvalidValue;
    *ptr = nullptr;
    if (size == 0) return cudaSuccess;
    *ptr = unset_memory(size);
    if (*ptr == nullptr) return cudaErrorMemoryAllocation;
    state().pinned[*ptr] = size;
    return cudaSuccess;
  });
}

cudaError_t cudaFreeHost(void* ptr) {
  return api("cudaFreeHost", [&] {
    if (ptr == nullptr) return cudaSuccess;
    if (state().pinned.erase(ptr) == 0)
      return fault("cudaFreeHost: the pointer is not cudaMallocHost's", cudaErrorInvalidValue);
    std::free(ptr);
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpy(void* dst, const void* src, std::size_t count, cudaMemcpyKind kind) {
  return copy_flat("cudaMemcpy", dst, src, count, kind, nullptr);
}

cudaError_t cudaMemcpyAsync(void* dst, const void* src, std::size_t count, cudaMemcpyKind kind, cudaStream_t stream) {
  return copy_flat("cudaMemcpyAsync", dst, src, count, kind, stream);
}

cudaError_t cudaMemcpy2DAsync(void* dst, std::size_t dpitch, const void* src, std::size_t spitch, std::size_t width,
                              std::size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  return api("cudaMemcpy2DAsync", [&] {
    const Rows to{dst, dpitch, width, height}, from{src, spitch, width, height};
    return copy("cudaMemcpy2DAsync", dst, to, from, kind, stream);
  });
}

cudaError_t cudaMemset(void* devPtr, int value, std::size_t count) {
  return set("cudaMemset", devPtr, value, count, nullptr);
}

cudaError_t cudaMemsetAsync(void* devPtr, int value, std::size_t count, cudaStream_t stream) {
  return set("cudaMemsetAsync", devPtr, value, count, stream);
}
