// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace sigprop::test {

/// A file of tests/data/reference. Throws std::runtime_error if it is absent.
[[nodiscard]] inline nlohmann::json read_reference(const std::string& name) {
  const std::string path = std::string(SIGPROP_REFERENCE) + "/" + name;
  std::ifstream file(path);
  if (!file) throw std::runtime_error("the reference file " + path + " cannot be read");
  return nlohmann::json::parse(file);
}

}  // namespace sigprop::test
