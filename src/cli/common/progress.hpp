// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace sigprop::cli {

/// One line on standard error, rewritten in place: what is done, of how much, and the time left.
/// Silent where standard error is no terminal.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine();  ///< clears the line

  /// `seconds` were spent on `done` - `resumed` of `total` pieces of work called `unit`.
  void show(const std::string& unit, std::size_t done, std::size_t total, std::size_t resumed, double seconds);

 private:
  bool shown_;
  bool dirty_ = false;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace sigprop::cli
