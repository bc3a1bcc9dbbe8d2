// SPDX-License-Identifier: Apache-2.0
#include "spec/parse.hpp"

#include <set>

#include "spec/line_counter.hpp"
#include "spec/pointer.hpp"

namespace sigprop::spec {
namespace {

constexpr std::size_t deepest = 64;  // nested residuals and repeats of a sane model stay far below

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

/// Follows a parser through a text: where it is, and which keys it has met.
class Follower {
 public:
  /// Returns false where the parser is to leave out what begins.
  bool operator()(Json::parse_event_t event, Json& value, const Progress& progress, std::vector<std::string>& errors) {
    using Event = Json::parse_event_t;
    switch (event) {
      case Event::object_start:
      case Event::array_start:
        if (open_.size() > deepest) {
          too_deep_ = true;
          return false;
        }
        open_.push_back({event == Event::array_start, 0, "", {}});
        break;
      case Event::object_end:
      case Event::array_end:
        open_.pop_back();
        count_value();
        break;
      case Event::key:
        meet_key(value.get<std::string>(), progress, errors);
        break;
      case Event::value:
        count_value();
        break;
    }
    return true;
  }

  [[nodiscard]] bool is_too_deep() const { return too_deep_; }

  /// Of the value that comes next, or that could not be read; empty for the whole.
  [[nodiscard]] std::string pointer() const {
    std::string out;
    for (const Open& one : open_) {
      if (one.is_array || !one.keys.empty()) out = child(out, one.is_array ? std::to_string(one.index) : one.key);
    }
    return out;
  }

 private:
  struct Open {
    bool is_array;
    std::size_t index;
    std::string key;
    std::set<std::string> keys;
  };

  void count_value() {
    if (!open_.empty()) ++open_.back().index;
  }

  void meet_key(const std::string& key, const Progress& progress, std::vector<std::string>& errors) {
    Open& object = open_.back();
    object.key = key;
    if (object.keys.insert(key).second) return;
    errors.push_back("line " + std::to_string(progress.line_of_last()) + ": the key " + quoted(key) +
                     " stands twice in one object, as " + quoted(pointer()) + ": remove one of them");
  }

  std::vector<Open> open_;
  bool too_deep_ = false;
};

/// "is not valid JSON: " and why, with line and pointer where the parser tells none.
std::string fault_of(const nlohmann::json::exception& error, const Follower& follower, const Progress& progress) {
  const std::string reason = reason_of(error), pointer = follower.pointer();
  const std::string at = pointer.empty() ? "" : ", at " + pointer;
  if (dynamic_cast<const nlohmann::json::parse_error*>(&error) != nullptr) {
    const bool of_value = reason.find("while parsing value") != std::string::npos;
    return "is not valid JSON: " + reason + (of_value ? at : "");
  }
  return "is not valid JSON: line " + std::to_string(progress.line_of_last()) + at + ": " + reason +
         ", but a number must be below 1.8e308";
}

}  // namespace

std::optional<Json> parse(std::string_view text, std::vector<std::string>& errors) {
  Progress progress;
  Follower follower;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    return follower(event, value, progress, errors);
  };
  std::optional<Json> result;
  try {
    result = Json::parse(LineCounter(text.data(), progress), LineCounter(text.data() + text.size(), progress), watch);
  } catch (const nlohmann::json::exception& error) {
    errors.push_back(fault_of(error, follower, progress));
  }
  if (follower.is_too_deep())
    errors.push_back("is nested deeper than " + std::to_string(deepest) + " levels: flatten it, or use repeat");
  if (!errors.empty()) result.reset();
  return result;
}

}  // namespace sigprop::spec
