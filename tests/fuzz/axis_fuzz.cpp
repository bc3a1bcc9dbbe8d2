// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "cli/common/command.hpp"
#include "cli/common/grid.hpp"
#include "sigprop/spec/edit.hpp"

/// Any text is either an axis of a sweep, whose values a spec can be edited with, or a Failure.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string spec =
      R"({"sequence_length": 16, "input": {"variance": 1}, "stack": {"layers": 2, "residual": {"branch": [1, 2]}}})";
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.find('\0') != std::string::npos) return 0;  // no argument of a program has one
  try {
    const sigprop::cli::Grid grid({sigprop::cli::axis_of(text)});
    if (grid.size() == 0) {
      std::cerr << "an axis without values\n";
      std::abort();
    }
    for (const std::size_t index : {std::size_t{0}, grid.size() - 1}) {
      const sigprop::spec::Edited out = sigprop::spec::edited(spec, grid[index]);
      if (out.error.empty() == out.text.empty()) {
        std::cerr << "edited returned a text and an error, or neither\n";
        std::abort();
      }
    }
  } catch (const sigprop::cli::Failure&) {
  }
  return 0;
}
