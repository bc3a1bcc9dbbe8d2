// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "import/family.hpp"
#include "import/findings.hpp"

namespace sigprop::importer {

/// The class that a configuration is of; nothing, with an error, where there is none that we know.
[[nodiscard]] const Family* family_of(const Json& config, Findings& findings);

/// The values of a configuration's roles: the file's, else the class's. Names every key that is not
/// used, wrong or absent.
[[nodiscard]] Values values_of(const Family& family, Json config, Findings& findings);

/// How a message names the key behind a role: "/n_head".
[[nodiscard]] std::string key_of(const Family& family, const std::string& role);

}  // namespace sigprop::importer
