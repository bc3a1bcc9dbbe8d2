// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "simulate/sample.hpp"

namespace sigprop::simulate {

/// Replicates on disk. A header tells whose they are; a record for each replicate, in their order,
/// follows: its numbers and a check sum. The header is written through a temporary file; a record
/// that is not whole is ignored, and cut off by a resumed run.
class RecordFile {
 public:
  /// Makes the file, or with `resume` opens it and reads its records. Throws UsageError where the
  /// file exists already, is none of ours or has another identity, MachineError where it cannot be
  /// written.
  RecordFile(std::string path, bool resume, const std::string& identity, std::size_t sample_size);

  [[nodiscard]] const std::vector<Sample>& read() const { return read_; }

  /// Throws MachineError; the records before stay whole.
  void append(const Sample& sample);

 private:
  void create(const std::string& identity);
  void load(const std::string& identity, std::size_t sample_size);
  void open_for_append();

  std::string path_;
  std::ofstream out_;
  std::vector<Sample> read_;
};

}  // namespace sigprop::simulate
