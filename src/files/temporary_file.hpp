// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>

#include "files/descriptor.hpp"

namespace sigprop::files {

/// A file that gets its name only when it is whole. Until then it lies in the same folder under a
/// name that nobody can foresee, made by nobody else, and it is removed if that time never comes:
/// on every way out that a program can see, signals that end it included (remove_on_signals). A
/// device or a pipe, which has no whole, is written as it goes.
class TemporaryFile {
 public:
  /// Throws Error.
  explicit TemporaryFile(std::string target);
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile();

  [[nodiscard]] std::ostream& stream() { return stream_; }

  /// The file is whole: it reaches the disk and takes its name. Throws Error; then what had the
  /// name before is unchanged.
  void finish();

 private:
  std::string target_;
  std::string path_;  ///< empty for a device
  Descriptor file_;
  DescriptorBuffer buffer_;
  std::ostream stream_;
};

/// Those that there are, before a program ends without leaving its functions. Safe in a signal's
/// handler.
void remove_temporary_files();

/// From now on SIGINT, SIGTERM and SIGHUP remove the temporary files that there are before they end
/// the program, and writing to a pipe that nobody reads, or beyond a limit on file sizes, is an
/// error instead of a signal.
void remove_on_signals();

}  // namespace sigprop::files
