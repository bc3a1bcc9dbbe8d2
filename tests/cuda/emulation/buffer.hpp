// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <vector>

#include "cuda_runtime.h"

/// For the emulation's own tests.
namespace sigprop::test::emulation {

/// Device memory with the values of a vector.
template <class T>
struct Buffer {
  T* data = nullptr;
  std::size_t count;

  explicit Buffer(std::size_t size) : count(size) { REQUIRE(cudaMalloc(&data, size * sizeof(T)) == cudaSuccess); }
  explicit Buffer(const std::vector<T>& values) : Buffer(values.size()) {
    REQUIRE(cudaMemcpy(data, values.data(), count * sizeof(T), cudaMemcpyHostToDevice) == cudaSuccess);
  }
  ~Buffer() { cudaFree(data); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  [[nodiscard]] std::vector<T> values() const {
    std::vector<T> copied(count);
    REQUIRE(cudaMemcpy(copied.data(), data, count * sizeof(T), cudaMemcpyDeviceToHost) == cudaSuccess);
    return copied;
  }
};

}  // namespace sigprop::test::emulation
