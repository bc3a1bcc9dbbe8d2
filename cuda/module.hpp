// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/cuda.hpp"

namespace sigprop::cuda {

/// The engine itself, where it is linked and not loaded.
[[nodiscard]] const Module& device_module();

}  // namespace sigprop::cuda
