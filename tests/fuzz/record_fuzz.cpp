// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "sigprop/simulate/simulate.hpp"
#include "simulate/record_file.hpp"

namespace {

using sigprop::simulate::RecordFile;

constexpr std::size_t sample_size = 3;

/// In memory, where the system has such a folder.
const std::string path = "/dev/shm/sigprop_record_fuzz." + std::to_string(getpid());

}  // namespace

/// Any bytes of a checkpoint are read as records that have their size, or refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  try {
    const RecordFile file(path, true, "fuzz", sample_size);
    for (const auto& [number, sample] : file.read()) {
      if (sample.size() == sample_size) continue;
      std::cerr << "record " << number << " has " << sample.size() << " numbers\n";
      std::abort();
    }
  } catch (const sigprop::simulate::UsageError&) {
  } catch (const sigprop::simulate::MachineError&) {
  }
  unlink(path.c_str());
  return 0;
}

/// A good file to begin with: libFuzzer is given it as a seed by tools/fuzz.
extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  for (int i = 1; i < *count; ++i) {
    const std::string option = (*arguments)[i];
    const std::string wanted = "--write-seed=";
    if (option.rfind(wanted, 0) != 0) continue;
    RecordFile file(option.substr(wanted.size()), false, "fuzz", sample_size);
    for (std::uint64_t number = 0; number < 4; ++number) file.append(number, {1.0, 2.0, static_cast<double>(number)});
    std::exit(0);
  }
  return 0;
}
