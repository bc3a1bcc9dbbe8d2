// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sigprop::report {

/// A text from a file, such as a name or a path, as people may read it on a terminal, in a log or
/// in a document: what could steer these is shown instead of sent.
///
/// Control characters (C0, DEL, C1), direction marks of Unicode, line separators and bytes that are
/// no UTF-8 become escapes: "\n", "\x1b", "\u202e". A text that begins with "::", spaces before it
/// aside, or holds "##[" would be a command to GitHub's runner: its first sign becomes an escape.
/// Everything else stays as it is.
[[nodiscard]] std::string plain_text(const std::string& text);

/// The same of a text of several lines, whose line ends stay.
[[nodiscard]] std::string plain_lines(const std::string& text);

}  // namespace sigprop::report
