// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <iostream>
#include <span>
#include <vector>

#include "cuda/context.hpp"
#include "cuda/module.hpp"

namespace sigprop::test {

/// Whether the tests have a device; says why not. Emulated ones are always there.
[[nodiscard]] inline bool has_device() {
  try {
    return !cuda::list_devices().empty();
  } catch (const simulate::MachineError& error) {
    std::cout << "skipped: " << error.what() << '\n';
    return false;
  }
}

/// For one test, simulate computes with the engine that is linked.
struct LinkedEngine {
  LinkedEngine() { cuda::use(&cuda::device_module()); }
  ~LinkedEngine() { cuda::use(nullptr); }
  LinkedEngine(const LinkedEngine&) = delete;
  LinkedEngine& operator=(const LinkedEngine&) = delete;
};

/// Numbers on the device.
template <class T>
[[nodiscard]] cuda::Buffer<T> on_device(cuda::Context& context, std::span<const T> values) {
  cuda::Buffer<T> out(context, values.size());
  context.upload(out.data(), values.data(), out.bytes());
  return out;
}

template <class T>
[[nodiscard]] std::vector<T> on_host(cuda::Context& context, const cuda::Buffer<T>& buffer) {
  std::vector<T> out(buffer.size());
  context.download(out.data(), buffer.data(), buffer.bytes());
  return out;
}

}  // namespace sigprop::test
