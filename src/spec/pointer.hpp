// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sigprop::spec {

/// The JSON pointer (RFC 6901) of a key or an index inside what another one points to.
[[nodiscard]] inline std::string child(const std::string& pointer, const std::string& key) {
  std::string escaped;
  for (const char c : key) escaped += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
  return pointer + "/" + escaped;
}

}  // namespace sigprop::spec
