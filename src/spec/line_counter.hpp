// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iterator>

namespace sigprop::spec {

/// How far a parser has read.
struct Progress {
  std::size_t line = 1;
  char last = '\0';

  /// The line of the last sign that was read, for a number ends with the sign behind it.
  [[nodiscard]] std::size_t line_of_last() const { return last == '\n' ? line - 1 : line; }
};

/// Walks over a text and counts the lines that it leaves behind, for the parser tells no places.
/// The parser copies its iterators, so that the count lies outside.
class LineCounter {
 public:
  // NOLINTBEGIN(readability-identifier-naming): the standard's names
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;
  // NOLINTEND(readability-identifier-naming)

  LineCounter(const char* at, Progress& progress) : at_(at), progress_(&progress) {}
  reference operator*() const { return *at_; }
  LineCounter& operator++() {
    progress_->last = *at_;
    progress_->line += *at_ == '\n' ? 1 : 0;
    ++at_;
    return *this;
  }
  bool operator==(const LineCounter& other) const { return at_ == other.at_; }
  bool operator!=(const LineCounter& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  Progress* progress_;
};

}  // namespace sigprop::spec
