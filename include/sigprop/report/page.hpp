// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "sigprop/report/checks.hpp"
#include "sigprop/report/verification.hpp"

/// One model's whole state as a page for a browser.
namespace sigprop::report {

struct Page {
  profile::Profile predicted;
  std::optional<profile::Profile> measured;                ///< of the same places
  std::optional<verify::Verification> verification;        ///< where there is a measurement
  CheckedSpec checked;                                     ///< the spec's own checks and all presets
  std::vector<std::pair<std::string, std::string>> facts;  ///< of the model: name and value
  std::string spec;                                        ///< its text
  Provenance provenance;
};

/// HTML that needs no network: summary with verdicts and checks, interactive curves over depth,
/// weights, spec, how it was made. Under
/// 1 MB whatever the depth: of more than 1500 points those at the ends of layers are drawn, of more layers every so many; of a
/// longer spec than 150 kB the beginning is shown.
void write_page(std::ostream& out, const Page& page);

}  // namespace sigprop::report
