// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace sigprop::importer {

/// What is to be said about a configuration; see Imported.
struct Findings {
  std::vector<std::string> notes, warnings, errors;
};

}  // namespace sigprop::importer
