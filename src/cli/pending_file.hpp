// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <string>

namespace sigprop::cli {

/// A file that takes its name only when it is complete; removed if that never comes. `option` names it in messages: "--output".
class PendingFile {
 public:
  /// Throws Failure if the file cannot be written.
  PendingFile(const std::string& option, const std::string& path);
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  ~PendingFile();

  [[nodiscard]] std::ostream& stream() { return stream_; }

  /// Throws Failure if writing failed.
  void finish();

 private:
  std::string name_;  ///< in messages
  std::string path_;
  std::string temporary_;
  std::ofstream stream_;
  bool finished_ = false;
};

}  // namespace sigprop::cli
