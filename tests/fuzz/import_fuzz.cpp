// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "sigprop/import/import.hpp"
#include "sigprop/spec/read.hpp"

/// Any bytes are either a spec that the reader accepts or a list of errors.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto made = sigprop::importer::from_hugging_face(text, "config.json", {.sequence_length = 16});
  if (made.spec.empty() != !made.errors.empty()) {
    std::cerr << "from_hugging_face returned a spec and errors, or neither\n";
    std::abort();
  }
  if (made.spec.empty()) return 0;
  const sigprop::spec::ReadResult read = sigprop::spec::read_text(made.spec, "made.json");
  if (read.network) return 0;
  std::cerr << made.spec << "\nis refused: " << read.errors.front() << '\n';
  std::abort();
}
