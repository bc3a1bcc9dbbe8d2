// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "support/spec.hpp"

namespace sigprop::test {

/// A file of tests/data/reference. Throws std::runtime_error if it is absent.
[[nodiscard]] inline nlohmann::json read_reference(const std::string& name) {
  const std::string path = std::string(SIGPROP_REFERENCE) + "/" + name;
  std::ifstream file(path);
  if (!file) throw std::runtime_error("the reference file " + path + " cannot be read");
  return parsed({std::istreambuf_iterator<char>(file), {}});
}

}  // namespace sigprop::test
