// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace sigprop::cli {

/// Columns of the terminal on standard output; elsewhere those of the variable COLUMNS, else 100.
[[nodiscard]] std::size_t terminal_columns();

}  // namespace sigprop::cli
