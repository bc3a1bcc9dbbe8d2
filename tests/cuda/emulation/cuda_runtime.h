// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "cuda_runtime_api.h"
#include "detail/device_math.hpp"
#include "detail/threads.hpp"
#include "library_types.h"

// The CUDA language and runtime on the host. Put this folder on the include path before NVIDIA's.

template <class T>
cudaError_t cudaMalloc(T** devPtr, std::size_t size) {
  return ::cudaMalloc(reinterpret_cast<void**>(devPtr), size);
}

template <class T>
cudaError_t cudaMallocAsync(T** ptr, std::size_t size, cudaStream_t stream) {
  return ::cudaMallocAsync(reinterpret_cast<void**>(ptr), size, stream);
}

template <class T>
cudaError_t cudaMallocHost(T** ptr, std::size_t size, unsigned int = 0) {
  return ::cudaMallocHost(reinterpret_cast<void**>(ptr), size);
}

/// Runs the whole kernel before it returns. Arguments become the kernel's parameter types first, as in NVIDIA's header.
template <class... Expected, class... Actual>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Expected...), Actual&&... args) {
  return [&](Expected... coerced) {
    const auto thread = [&] { kernel(coerced...); };
    const auto call = [](const void* self) { (*static_cast<decltype(thread)*>(self))(); };
    return sigprop::test::emulation::detail::launch(config, call, &thread);
  }(std::forward<Actual>(args)...);
}
