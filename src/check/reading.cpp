// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <stdexcept>

#include "check/compare.hpp"
#include "sigprop/check/check.hpp"

namespace sigprop::check {
namespace {

[[noreturn]] void refuse(const std::string& text, const std::string& why) {
  throw std::invalid_argument(
      "\"" + text + "\" " + why +
      "; it must be a quantity and a place, first, last or the number of a layer, or two of them "
      "for a ratio, as in \"forward.variance last\" or \"backward.variance first/last\"");
}

Location location_of(const std::string& text, const std::string& word) {
  if (word == "first") return {Location::Kind::first, 0};
  if (word == "last") return {Location::Kind::last, 0};
  std::size_t layer = 0;
  const auto read = std::from_chars(word.data(), word.data() + word.size(), layer);
  if (read.ec != std::errc() || read.ptr != word.data() + word.size()) refuse(text, "has the place \"" + word + "\"");
  return {Location::Kind::layer, layer};
}

}  // namespace

Condition reading_of(const std::string& text) {
  const std::size_t space = text.find(' ');
  if (space == std::string::npos) refuse(text, "names no place");
  Condition out;
  out.quantity = text.substr(0, space);
  if (out.quantity.find('*') != std::string::npos) refuse(text, "stands for several numbers");
  const std::string places = text.substr(space + 1);
  const std::size_t slash = places.find('/');
  out.at = location_of(text, places.substr(0, slash));
  if (slash != std::string::npos) out.over = location_of(text, places.substr(slash + 1));
  return out;
}

profile::Quantity read(const Condition& reading, const profile::Profile& profile) {
  Check check;
  check.condition = reading;
  const Evaluation found = evaluate({check}, profile, 1);
  if (!found.faults.empty()) throw std::invalid_argument(found.faults.front().message);
  const profile::Quantity& value = found.outcomes.front().value;
  if (is_number(value)) return value;
  throw std::invalid_argument("the quantity \"" + reading.quantity + "\" is no number at " +
                              found.outcomes.front().path + ": look for a standard deviation or residual scale of 0");
}

}  // namespace sigprop::check
