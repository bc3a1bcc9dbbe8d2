// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace sigprop::importer {

/// What is to be said about a configuration; see Imported.
struct Findings {
  std::vector<std::string> notes, warnings, errors;

  /// Pointers that messages begin with, seen from the whole file.
  void lead_from(const std::string& place) {
    for (auto* messages : {&notes, &warnings, &errors}) {
      for (std::string& message : *messages) {
        if (message.starts_with('/')) message.insert(0, place);
      }
    }
  }
};

}  // namespace sigprop::importer
