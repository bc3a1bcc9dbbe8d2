// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <fstream>
#include <string>

namespace sigprop::cli {

/// Lines that are written as they come, in their order. To a file: kept beside it, as FILE.partial,
/// until all are there; the same work, begun again, goes on behind the lines that are whole.
/// Without a file to standard output.
class ResumableLines {
 public:
  /// head: the first line, which tells the work; another head in FILE.partial is another work, and
  /// refused. Throws Failure.
  ResumableLines(const std::string& file, const std::string& head);

  /// Lines behind the head that are there already.
  [[nodiscard]] std::size_t found() const { return found_; }

  /// A whole line. Throws Failure if it cannot be written.
  void write(const std::string& line);

  /// All lines are there: the file gets its name. Throws Failure.
  void finish();

  /// Where the lines wait; empty for standard output.
  [[nodiscard]] const std::string& waiting() const { return partial_; }

 private:
  void resume(const std::string& head);

  std::string file_;
  std::string partial_;
  std::ofstream stream_;
  std::size_t found_ = 0;
};

}  // namespace sigprop::cli
