// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sigprop::spec {

/// A value of a spec at a place in it.
struct Edit {
  std::string path;   ///< keys from the outside in, "stack.residual.branch"; of a list the number of an element, from 0
  std::string value;  ///< JSON
};

/// An edited spec, or why a place cannot hold a value.
struct Edited {
  std::string text;   ///< JSON on one line
  std::string error;  ///< empty where there is none
};

/// Sets values of a spec that is a JSON object, keys on the way are made where they are absent.
/// Whether the result is a good spec its reader tells.
[[nodiscard]] Edited edited(std::string_view text, const std::vector<Edit>& edits);

/// A word as JSON has it, in quotation marks. Throws std::invalid_argument for what is no UTF-8
/// text.
[[nodiscard]] std::string json_text(const std::string& word);

/// A JSON text as init writes specs: indented, a new line at its end.
[[nodiscard]] std::string indented(std::string_view text);

}  // namespace sigprop::spec
