// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "import/family.hpp"
#include "import/findings.hpp"
#include "sigprop/import/import.hpp"

namespace sigprop::importer {

/// The configuration that is imported, and its class.
struct Choice {
  Json config;
  const Family* family = nullptr;  ///< null, with errors, where there is none that we can write
  std::string place;               ///< of the configuration in the file: "", or "/text_config"
};

/// Finds the part of a configuration that the options ask for, and its class: the model type's, else
/// that of the class that it names, else the option's.
[[nodiscard]] Choice choose(Json config, const Options& options, Findings& findings);

}  // namespace sigprop::importer
