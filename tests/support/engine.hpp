// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iostream>

#include "sigprop/simulate/simulate.hpp"
#ifdef SIGPROP_TEST_CUDA
#include "cuda/cuda.hpp"
#endif

namespace sigprop::test {

/// Oracles are compiled twice: for the CPU, and with SIGPROP_TEST_CUDA for the CUDA engine. True
/// where there is what they need.
[[nodiscard]] inline bool has_engine() {
#ifdef SIGPROP_TEST_CUDA
  try {
    return !cuda::module().devices().empty();
  } catch (const simulate::MachineError& error) {
    std::cout << "skipped: " << error.what() << '\n';
    return false;
  }
#else
  return true;
#endif
}

/// Settings of a run on that engine.
[[nodiscard]] inline simulate::Settings engine_settings() {
  simulate::Settings settings;
#ifdef SIGPROP_TEST_CUDA
  settings.engine = simulate::Engine::cuda;
#endif
  return settings;
}

}  // namespace sigprop::test
