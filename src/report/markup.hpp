// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sigprop::report {

/// What stands for a character that XML and HTML give a meaning of its own; none for another one.
[[nodiscard]] inline const char* entity(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    default:
      return nullptr;
  }
}

}  // namespace sigprop::report
