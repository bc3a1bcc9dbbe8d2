// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "files/locked_file.hpp"
#include "simulate/sample.hpp"

namespace sigprop::simulate {

/// What a run has done, on disk, so that another can go on from there. A header tells whose it is;
/// a record for each piece of work follows: its number, its numbers and a check sum. One process at
/// a time may write it. A record that was damaged is left out, and only that one; what a kill left
/// at the end is cut off.
class RecordFile {
 public:
  /// Makes the file, or with `resume` opens it and reads its records. Throws UsageError where the
  /// file exists already, is none of ours, has another identity or is in use, MachineError where it
  /// cannot be written.
  RecordFile(const std::string& path, bool resume, const std::string& identity, std::size_t sample_size);

  /// By their numbers. Of two records of one number the first counts.
  [[nodiscard]] const std::map<std::uint64_t, Sample>& read() const { return read_; }
  /// Records that were damaged.
  [[nodiscard]] std::size_t lost() const { return lost_; }

  /// Throws MachineError; the records before stay whole.
  void append(std::uint64_t number, const Sample& sample);

 private:
  void load(const std::string& identity, std::size_t sample_size);

  std::string path_;
  std::optional<files::LockedFile> file_;
  std::map<std::uint64_t, Sample> read_;
  std::size_t lost_ = 0;
};

/// A warning of records that were lost; empty for none. pieces: "replicates".
[[nodiscard]] std::string loss_warning(const RecordFile& file, const std::string& path, const std::string& pieces);

}  // namespace sigprop::simulate
