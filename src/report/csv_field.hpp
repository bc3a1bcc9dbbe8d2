// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "sigprop/report/plain_text.hpp"

namespace sigprop::report {

/// A text as a CSV field (RFC 4180): plain text, quoted where it holds a comma or a quote. A
/// spreadsheet takes what begins with =, +, - or @ for a formula: an apostrophe before it makes it
/// text there.
[[nodiscard]] inline std::string csv_field(const std::string& text) {
  std::string plain = plain_text(text);
  if (plain.size() > 1 && std::string("=+-@").find(plain.front()) != std::string::npos) plain.insert(0, "'");
  if (plain.find_first_of(",\"") == std::string::npos) return plain;
  std::string out = "\"";
  for (const char c : plain) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

}  // namespace sigprop::report
