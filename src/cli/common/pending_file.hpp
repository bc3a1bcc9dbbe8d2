// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "files/temporary_file.hpp"

namespace sigprop::cli {

/// A file that an option names, "--output", and that takes its name only when it is complete. A
/// link is followed.
class PendingFile {
 public:
  /// Throws Failure if the file cannot be written, or is one that the command reads.
  PendingFile(const std::string& option, const std::string& path);

  [[nodiscard]] std::ostream& stream() { return file_->stream(); }

  /// Throws Failure if writing failed.
  void finish();

 private:
  std::string name_;  ///< in messages
  std::string path_;  ///< links resolved
  std::optional<files::TemporaryFile> file_;
};

/// The path behind links and dots, also of a file that is not there yet.
[[nodiscard]] std::string real_path(const std::string& path);

/// Notes a file that the command reads, and one that it writes, which messages call `name`. To be
/// called before the work. Throws Failure for a file that is both.
void note_input(const std::string& path);
void note_output(const std::string& name, const std::string& path);

}  // namespace sigprop::cli
