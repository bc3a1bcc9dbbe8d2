// SPDX-License-Identifier: Apache-2.0
#include "state.hpp"

#include <cstdlib>

namespace sigprop::test::emulation {
namespace detail {
namespace {

/// The allocation that holds the address, or the end.
auto holder(const void* first) {
  const auto address = reinterpret_cast<std::uintptr_t>(first);
  auto after = state().allocations.upper_bound(address);
  if (after == state().allocations.begin()) return state().allocations.end();
  --after;
  return address - after->first < after->second.bytes ? after : state().allocations.end();
}

bool holds(const auto& allocation, const void* first, std::size_t bytes) {
  const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(first) - allocation.first;
  return bytes <= allocation.second.bytes - offset;
}

void fail(std::string_view api_call, int code, std::size_t after) {
  const std::lock_guard lock(state().mutex);
  state().failures[std::string(api_call)] = {after, code};
}

void make_devices(int count, std::size_t bytes_each) {
  state().devices.clear();
  for (int device = 0; device < count; ++device) state().devices.push_back({bytes_each, 0, {device}});
  current_device = 0;
}

template <class Handles>
void destroy(Handles& handles) {
  for (auto* handle : handles) delete handle;
  handles.clear();
}

void free_all(State& s) {
  for (const auto& [address, allocation] : s.allocations) std::free(reinterpret_cast<void*>(address));
  for (const auto& [pointer, bytes] : s.pinned) std::free(pointer);
  s.allocations.clear();
  s.pinned.clear();
  destroy(s.streams);
  destroy(s.events);
  destroy(s.blas);
}

}  // namespace

State& state() {
  static State the_state;
  return the_state;
}

int ordered_failure(const char* api_call) {
  const auto found = state().failures.find(std::string_view(api_call));
  if (found == state().failures.end()) return 0;
  if (found->second.after > 0) return --found->second.after, 0;
  const int code = found->second.code;
  state().failures.erase(found);
  return code;
}

bool on_device(const void* first, std::size_t bytes, int device) {
  const auto found = holder(first);
  return found != state().allocations.end() && found->second.device == device && holds(*found, first, bytes);
}

bool on_any_device(const void* first, std::size_t bytes) {
  const auto found = holder(first);
  return found != state().allocations.end() && holds(*found, first, bytes);
}

bool begins_on_a_device(const void* first) {
  return holder(first) != state().allocations.end();
}

int device_of(cudaStream_t stream) {
  if (stream == nullptr) return current_device;
  return state().streams.contains(stream) ? stream->device : -1;
}

}  // namespace detail

using detail::state;

void set_devices(int count, std::size_t bytes_each) {
  const std::lock_guard lock(state().mutex);
  detail::make_devices(count, bytes_each);
}

void set_order(Order order, std::uint64_t seed) {
  const std::lock_guard lock(state().mutex);
  state().order = order;
  state().seed = seed;
}

void fail_next(std::string_view api_call, cudaError_t error, std::size_t after) {
  detail::fail(api_call, error, after);
}

void fail_next(std::string_view api_call, cublasStatus_t error, std::size_t after) {
  detail::fail(api_call, error, after);
}

std::size_t allocated_bytes(int device) {
  const std::lock_guard lock(state().mutex);
  return state().devices.at(static_cast<std::size_t>(device)).used;
}

std::size_t pinned_bytes() {
  const std::lock_guard lock(state().mutex);
  std::size_t sum = 0;
  for (const auto& [pointer, bytes] : state().pinned) sum += bytes;
  return sum;
}

std::size_t live_handles() {
  const std::lock_guard lock(state().mutex);
  return state().streams.size() + state().events.size() + state().blas.size();
}

std::string last_fault() {
  const std::lock_guard lock(state().mutex);
  return state().fault;
}

std::size_t launches() {
  const std::lock_guard lock(state().mutex);
  return state().launches;
}

void reset() {
  detail::State& s = state();
  const std::lock_guard lock(s.mutex);
  detail::free_all(s);
  detail::make_devices(1, default_bytes);
  s.failures.clear();
  s.order = Order::ascending;
  s.seed = 0;
  s.fault.clear();
  s.launches = 0;
  detail::last_error = cudaSuccess;
}

}  // namespace sigprop::test::emulation
