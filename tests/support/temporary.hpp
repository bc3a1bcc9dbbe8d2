// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

namespace sigprop::test {

/// A path for a file of this process alone: tests run side by side.
[[nodiscard]] inline std::string own_path(const std::string& name) {
  return (std::filesystem::temp_directory_path() / ("sigprop_" + name + "." + std::to_string(getpid()))).string();
}

}  // namespace sigprop::test
