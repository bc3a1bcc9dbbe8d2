// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace sigprop::test {

/// A file of the reference data. Where it is absent, prints a line that ctest reads as "skipped" and returns nothing: the
/// test then returns.
[[nodiscard]] inline std::optional<nlohmann::json> read_reference(const std::string& name) {
  const std::string path = std::string(SIGPROP_REFERENCE) + "/" + name;
  std::ifstream file(path);
  if (!file) {
    std::cout << "skipped: there is no reference file " << path << std::endl;
    return std::nullopt;
  }
  return nlohmann::json::parse(file);
}

}  // namespace sigprop::test
