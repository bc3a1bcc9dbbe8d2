// SPDX-License-Identifier: Apache-2.0
#include "spec/check_lines.hpp"

#include <iterator>

#include "spec/rule.hpp"

namespace sigprop::spec {
namespace {

/// Walks over a text and counts the lines that it leaves behind, for the parser tells no places.
class LineCounter {
 public:
  // NOLINTBEGIN(readability-identifier-naming): the standard's names
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;
  // NOLINTEND(readability-identifier-naming)

  LineCounter(const char* at, std::size_t& line) : at_(at), line_(&line) {}
  reference operator*() const { return *at_; }
  LineCounter& operator++() {
    *line_ += *at_ == '\n' ? 1 : 0;
    ++at_;
    return *this;
  }
  bool operator==(const LineCounter& other) const { return at_ == other.at_; }
  bool operator!=(const LineCounter& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  std::size_t* line_;  ///< of the place reached; the parser copies its iterators, so it lies outside
};

}  // namespace

std::vector<std::size_t> check_lines(std::string_view text) {
  // Depths at which the parser reports a key of the root, and an object in a list of the root.
  constexpr int of_root = 1, of_element = 2;
  std::vector<std::size_t> lines;
  std::size_t line = 1;
  bool in_checks = false;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::key && depth == of_root) in_checks = value == "checks";
    if (event == Json::parse_event_t::object_start && depth == of_element && in_checks) lines.push_back(line);
    return true;
  };
  const Json parsed = Json::parse(LineCounter(text.data(), line), LineCounter(text.data() + text.size(), line), watch);
  return lines;
}

}  // namespace sigprop::spec
