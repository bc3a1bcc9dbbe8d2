// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <unistd.h>

#include <cstddef>
#include <string>
#include <vector>

#include "cuda/cuda.hpp"

namespace sigprop::cuda {
namespace {

using simulate::MachineError;

const Module*& handed_in() {
  static const Module* module = nullptr;
  return module;
}

#ifdef SIGPROP_CUDA_MODULE
/// The absolute folders in which the loader searches for what this program or shared library needs:
/// LD_LIBRARY_PATH, the run path, the system's.
std::vector<std::string> search_path() {
  Dl_info info{};
  void* self = nullptr;  // the link map is the handle of the object that holds this function
  if (dladdr1(reinterpret_cast<void*>(&handed_in), &info, &self, RTLD_DL_LINKMAP) == 0) return {};
  Dl_serinfo size{};
  if (dlinfo(self, RTLD_DI_SERINFOSIZE, &size) != 0) return {};
  std::vector<std::max_align_t> memory(size.dls_size / sizeof(std::max_align_t) + 1);
  auto* paths = reinterpret_cast<Dl_serinfo*>(memory.data());
  *paths = size;
  if (dlinfo(self, RTLD_DI_SERINFO, paths) != 0) return {};
  std::vector<std::string> folders;
  for (unsigned int i = 0; i < paths->dls_cnt; ++i) {
    const std::string folder = paths->dls_serpath[i].dls_name;
    if (folder.starts_with('/')) folders.push_back(folder);
  }
  return folders;
}

/// Absolute path of the module, which is never loaded from the current directory; its name alone if
/// no folder holds it.
std::string module_path() {
  for (const std::string& folder : search_path()) {
    std::string path = folder + "/" + SIGPROP_CUDA_MODULE;
    if (access(path.c_str(), R_OK) == 0) return path;
  }
  return SIGPROP_CUDA_MODULE;
}

const Module& load() {
  const std::string path = module_path();
  void* library = path.starts_with('/') ? dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (library == nullptr) {
    const char* reason = path.starts_with('/') ? dlerror() : "it lies in no folder of the library search path";
    throw MachineError(
        "the CUDA engine " + path + " cannot be loaded: " + reason +
        "; build the target sigprop_cuda, and install cuBLAS of the CUDA toolkit that it was built with");
  }
  using Entry = const Module* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(library, "sigprop_cuda_module"));
  const Module* module = entry != nullptr ? entry() : nullptr;
  if (module == nullptr || module->version() != SIGPROP_VERSION) {
    throw MachineError("the CUDA engine " + path + " is not of sigprop " + SIGPROP_VERSION +
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
