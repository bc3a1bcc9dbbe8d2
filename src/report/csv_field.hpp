// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sigprop::report {

/// A text as a CSV field (RFC 4180): quoted where it holds a comma, a quote or a line break.
[[nodiscard]] inline std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace sigprop::report
