// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "import/family.hpp"
#include "import/findings.hpp"

namespace sigprop::importer {

/// The names of a class's keys, used or not, and those of every configuration.
[[nodiscard]] std::vector<std::string> known_names(const Family& family);

/// The values of a configuration's roles: the file's, else the class's. Names every key that is not
/// used, wrong or absent.
[[nodiscard]] Values values_of(const Family& family, Json config, Findings& findings);

/// How a message names the key behind a role: "/n_head".
[[nodiscard]] std::string key_of(const Family& family, const std::string& role);

}  // namespace sigprop::importer
