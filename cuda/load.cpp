// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include "cuda/cuda.hpp"

namespace sigprop::cuda {
namespace {

using simulate::MachineError;

const Module*& handed_in() {
  static const Module* module = nullptr;
  return module;
}

#ifdef SIGPROP_CUDA_MODULE
const Module& load() {
  constexpr const char* name = SIGPROP_CUDA_MODULE;
  void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw MachineError(std::string("the CUDA engine cannot be loaded: ") + dlerror() +
                       "; it needs cuBLAS of the CUDA toolkit that it was built with");
  }
  using Entry = const Module* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(library, "sigprop_cuda_module"));
  const Module* module = entry != nullptr ? entry() : nullptr;
  if (module == nullptr || module->version() != SIGPROP_VERSION) {
    throw MachineError(std::string("the CUDA engine ") + name + " is not of sigprop " + SIGPROP_VERSION +
                       ": build and install both together");
  }
  return *module;
}
#else
const Module& load() {
  throw MachineError(
      "this build has no CUDA engine: install the CUDA toolkit (nvcc and cuBLAS, 12.8 or newer) and build again with "
      "-DSIGPROP_CUDA=ON, or use --engine cpu");
}
#endif

}  // namespace

const Module& module() {
  if (handed_in() != nullptr) return *handed_in();
  static const Module& loaded = load();
  return loaded;
}

void use(const Module* module) {
  handed_in() = module;
}

}  // namespace sigprop::cuda
