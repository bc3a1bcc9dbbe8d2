// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

#include "files/descriptor.hpp"

namespace sigprop::files {

/// Another process writes the file. The message names it: "process 4711 writes it".
class Busy : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A file that one process at a time may write. The lock (flock) is the process's own and ends with
/// it, however it ends.
class LockedFile {
 public:
  enum class Way { make_new, open_old, open_or_make };

  /// make_new fails where there is such a file, open_old where there is none. No link is followed
  /// to make a file. Throws Busy, Error.
  LockedFile(std::string path, Way way);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string read_all() const { return file_.read_all(); }
  /// Cuts the file off behind its first bytes.
  void truncate(std::size_t size) const { file_.truncate(size); }
  /// Writes at the end. Throws Error; a part may have been written.
  void append(const std::string& bytes) const { file_.write(bytes.data(), bytes.size()); }
  void sync() const { file_.sync(); }

 private:
  std::string path_;
  Descriptor file_;
};

}  // namespace sigprop::files
