// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <string>

namespace sigprop::cli {

/// A file that takes its name only when it is complete; removed if that never comes. A link is
/// followed; a device, which has no whole, is written as it goes. `option` names it in messages:
/// "--output".
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
  std::string name_;       ///< in messages
  std::string path_;       ///< links resolved
  std::string temporary_;  ///< the path itself for a device
  std::ofstream stream_;
  bool finished_ = false;
};

/// The path behind links and dots, also of a file that is not there yet.
[[nodiscard]] std::string real_path(const std::string& path);

}  // namespace sigprop::cli
