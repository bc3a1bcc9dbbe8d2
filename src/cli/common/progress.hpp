// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace sigprop::cli {

/// One line on standard error, rewritten in place. Silent where standard error is no terminal. Any
/// thread may write it.
class StatusLine {
 public:
  static void show(const std::string& text);
  static void clear();
  /// Since it last showed something; since the program began where it never did.
  [[nodiscard]] static double seconds_since_shown();
};

/// A status line of what is done, of how much, and the time left.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet) : shown_(!quiet) {}
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  ~ProgressLine() { StatusLine::clear(); }

  /// `seconds` were spent on `done` - `resumed` of `total` pieces of work called `unit`.
  void show(const std::string& unit, std::size_t done, std::size_t total, std::size_t resumed, double seconds);

 private:
  bool shown_;
  std::chrono::steady_clock::time_point last_;
};

[[nodiscard]] inline double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// 75 → "1 min 15 s"
[[nodiscard]] std::string duration(double seconds);

}  // namespace sigprop::cli
