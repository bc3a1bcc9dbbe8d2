// SPDX-License-Identifier: Apache-2.0
#include "spec/check_lines.hpp"

#include "spec/line_counter.hpp"
#include "spec/rule.hpp"

namespace sigprop::spec {

std::vector<std::size_t> check_lines(std::string_view text) {
  // Depths at which the parser reports a key of the root, and an object in a list of the root.
  constexpr int of_root = 1, of_element = 2;
  std::vector<std::size_t> lines;
  Progress progress;
  bool in_checks = false;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::key && depth == of_root) in_checks = value == "checks";
    if (event == Json::parse_event_t::object_start && depth == of_element && in_checks) lines.push_back(progress.line);
    return true;
  };
  const Json parsed =
      Json::parse(LineCounter(text.data(), progress), LineCounter(text.data() + text.size(), progress), watch);
  return lines;
}

}  // namespace sigprop::spec
