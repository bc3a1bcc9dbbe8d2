// SPDX-License-Identifier: Apache-2.0
// What libsigprop_cuda.so offers to the program that loads it.
#include "cuda/module.hpp"

extern "C" __attribute__((visibility("default"))) const sigprop::cuda::Module* sigprop_cuda_module() {
  return &sigprop::cuda::device_module();
}
