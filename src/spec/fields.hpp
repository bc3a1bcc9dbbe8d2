// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "spec/rule.hpp"

/// Reading of values whose type and range the grammar has already checked.
namespace sigprop::spec {

/// The member of that name, or an empty object.
[[nodiscard]] inline const Json& member(const Json& object, const char* name) {
  static const Json empty = Json::object();
  const auto found = object.find(name);
  return found == object.end() ? empty : *found;
}

[[nodiscard]] inline double number(const Json& object, const char* name, double fallback) {
  const auto found = object.find(name);
  return found == object.end() ? fallback : found->get<double>();
}

[[nodiscard]] inline std::size_t count(const Json& object, const char* name, std::size_t fallback) {
  return static_cast<std::size_t>(number(object, name, static_cast<double>(fallback)));
}

[[nodiscard]] inline bool flag(const Json& object, const char* name, bool fallback) {
  const auto found = object.find(name);
  return found == object.end() ? fallback : found->get<bool>();
}

[[nodiscard]] inline std::string text(const Json& object, const char* name, const std::string& fallback) {
  const auto found = object.find(name);
  return found == object.end() ? fallback : found->get<std::string>();
}

}  // namespace sigprop::spec
