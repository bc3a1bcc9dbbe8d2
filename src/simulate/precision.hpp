// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/simulate/simulate.hpp"

namespace sigprop::simulate {

[[nodiscard]] const char* name_of(Precision precision);

/// Throws UsageError where the engine does not compute in it.
void require_precision(Engine engine, Precision precision);

}  // namespace sigprop::simulate
