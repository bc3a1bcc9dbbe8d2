// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "files/locked_file.hpp"

namespace sigprop::cli {

/// Lines of a result, one for each piece of numbered work, which come in any order.
///
/// To a file: kept beside it, as FILE.partial, until all are there, each with its number and a
/// check sum; the same work, begun again, goes on with those that are missing. One process at a
/// time may write it. A line that was damaged is left out, and only that one. Without a file: to
/// standard output, in their order.
class ResumableLines {
 public:
  /// head: the first line, which tells the work; another head in FILE.partial is another work, and
  /// refused, as is a file that is none of ours. Throws Failure.
  ResumableLines(const std::string& file, const std::string& head);

  /// Is the line of this number there already?
  [[nodiscard]] bool has(std::size_t number) const { return lines_.count(number) > 0; }
  [[nodiscard]] std::size_t found() const { return found_; }
  /// Lines that were damaged.
  [[nodiscard]] std::size_t lost() const { return lost_; }
  /// Lines that are there by now.
  [[nodiscard]] std::size_t count() const { return lines_.size(); }

  /// A whole line, with its end. Throws Failure if it cannot be written.
  void write(std::size_t number, const std::string& line);

  /// All lines are there: the file is written, in their order. Throws Failure.
  void finish();

  /// Where the lines wait; empty for standard output.
  [[nodiscard]] const std::string& waiting() const { return partial_; }

 private:
  void open(const std::string& option);
  void read();
  void keep(std::size_t number, const std::string& line);

  std::string head_;
  std::string file_;
  std::string partial_;
  std::optional<files::LockedFile> kept_;
  std::map<std::size_t, std::string> lines_;
  std::size_t next_ = 0;  ///< of standard output
  std::size_t found_ = 0, lost_ = 0;
};

}  // namespace sigprop::cli
