// SPDX-License-Identifier: Apache-2.0
#include "spec/parse.hpp"

#include <set>

namespace sigprop::spec {
namespace {

constexpr int deepest = 64;  // nested residuals and repeats of a sane model stay far below

/// The parser's own words without its prefix "[json.exception.parse_error.101] ".
std::string reason_of(const std::exception& error) {
  const std::string what = error.what();
  const std::size_t end = what.find("] ");
  return end == std::string::npos ? what : what.substr(end + 2);
}

/// A string as JSON prints it, bytes that are no UTF-8 replaced.
std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::optional<Json> parse(std::string_view text, std::vector<std::string>& errors) {
  std::vector<std::set<std::string>> keys;  // of every open object
  bool too_deep = false;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > deepest) {
      too_deep = true;
      return false;
    }
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
      errors.push_back("the key " + quoted(value.get<std::string>()) +
                       " stands twice in one object: remove one of them");
    }
    return true;
  };
  std::optional<Json> result;
  try {
    result = Json::parse(text, watch);
  } catch (const nlohmann::json::exception& error) {
    errors.push_back("is not valid JSON: " + reason_of(error));
  }
  if (too_deep)
    errors.push_back("is nested deeper than " + std::to_string(deepest) + " levels: flatten it, or use repeat");
  if (!errors.empty()) result.reset();
  return result;
}

}  // namespace sigprop::spec
