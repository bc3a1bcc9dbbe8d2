// SPDX-License-Identifier: Apache-2.0
#include "sigprop/spec/edit.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "spec/parse.hpp"

namespace sigprop::spec {
namespace {

std::vector<std::string> keys_of(const std::string& path) {
  std::vector<std::string> keys(1);
  for (const char c : path) {
    if (c == '.') {
      keys.emplace_back();
    } else {
      keys.back() += c;
    }
  }
  return keys;
}

Json& element(Json& list, const std::string& key, const std::string& path) {
  std::size_t index = 0;
  const auto read = std::from_chars(key.data(), key.data() + key.size(), index);
  if (read.ec == std::errc() && read.ptr == key.data() + key.size() && index < list.size()) return list[index];
  throw std::invalid_argument("\"" + path + "\" asks for the element \"" + key + "\" of a list of " +
                              std::to_string(list.size()) + ", but must have a number from 0 to " +
                              std::to_string(list.size() - std::min<std::size_t>(1, list.size())));
}

Json& inside(Json& parent, const std::string& key, const std::string& path) {
  if (key.empty())
    throw std::invalid_argument("\"" + path +
                                "\" has an empty key, but must be keys with dots between them, as in "
                                "stack.residual.branch");
  if (parent.is_array()) return element(parent, key, path);
  if (parent.is_null()) parent = Json::object();
  if (parent.is_object()) return parent[key];
  throw std::invalid_argument("\"" + path + "\" asks for the key \"" + key + "\" of " + parent.dump() +
                              ", which has no keys: end the path before it");
}

}  // namespace

Edited edited(std::string_view text, const std::vector<Edit>& edits) {
  std::vector<std::string> errors;
  std::optional<Json> spec = parse(text, errors);
  if (!spec) return {"", errors.front()};
  try {
    for (const Edit& edit : edits) {
      static_cast<void>(json_text(edit.path));  // a key that is no text could not be written again
      Json* place = &*spec;
      for (const std::string& key : keys_of(edit.path)) place = &inside(*place, key, edit.path);
      *place = Json::parse(edit.value);
    }
  } catch (const std::invalid_argument& error) {
    return {"", error.what()};
  }
  return {spec->dump(), ""};
}

std::string json_text(const std::string& word) {
  try {
    return Json(word).dump();
  } catch (const Json::type_error&) {
    throw std::invalid_argument("\"" + word + "\" is no UTF-8 text");
  }
}

std::string indented(std::string_view text) {
  return Json::parse(text).dump(2) + "\n";
}

}  // namespace sigprop::spec
