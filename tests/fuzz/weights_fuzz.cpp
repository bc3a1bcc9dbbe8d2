// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "measured/names.hpp"
#include "measured/tensors.hpp"

namespace {

using namespace sigprop::measured;

std::string good_file() {
  const std::string header =
      R"({"h.0.attn.c_attn.weight":{"dtype":"F16","shape":[2,6],"data_offsets":[0,24]},"wte.weight":{"dtype":"F32","shape":[2],"data_offsets":[24,32]}})";
  const std::uint64_t length = header.size();
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  return out + header + std::string(32, '\x3c');
}

}  // namespace

/// Writes a good file for a search to start from.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  constexpr std::string_view option = "--write-seed=";
  for (int i = 1; i < *argc; ++i) {
    const std::string_view word((*argv)[i]);
    if (!word.starts_with(option)) continue;
    std::ofstream(std::string(word.substr(option.size())), std::ios::binary) << good_file();
    std::exit(0);  // NOLINT: before any thread
  }
  return 0;
}

/// Any bytes are either tensors that can be read or refused with a reason.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static const Names names;
  for (const auto read : {safetensors, npz}) {
    try {
      for (const Tensor& tensor : read(bytes)) {
        const auto meaning = names.of(tensor.name);
        if (!meaning) continue;
        for (std::size_t part = 0; part < meaning->weights.size(); ++part)
          static_cast<void>(measure(tensor, region_of(tensor, *meaning, part, 1), part == 0));
      }
    } catch (const std::runtime_error&) {  // refused, as it may be
    }
  }
  return 0;
}
