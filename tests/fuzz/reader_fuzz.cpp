// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "sigprop/spec/read.hpp"

/// Any bytes are either a network or a list of errors, never both, never neither, never an
/// exception.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const sigprop::spec::ReadResult result = sigprop::spec::read_text(text, "fuzz.json");
  if (result.network.has_value() != result.errors.empty()) {
    std::cerr << "read_text returned " << (result.network ? "a network" : "no network") << " and "
              << result.errors.size() << " errors\n";
    std::abort();
  }
  return 0;
}
