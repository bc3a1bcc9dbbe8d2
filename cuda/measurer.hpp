// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/devices.hpp"
#include "experiment/subject.hpp"

namespace sigprop::cuda {

/// Measures the settings of the component grids, all replicates of one at once.
[[nodiscard]] std::unique_ptr<experiment::Measurer> measurer_on(const std::vector<DeviceInfo>& devices,
                                                                Arithmetic arithmetic);

}  // namespace sigprop::cuda
