// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "sigprop/report/report.hpp"

namespace sigprop::report {

/// One scheme on a model: what it led to, or why it does not apply.
struct Candidate {
  std::string scheme;  ///< with its parameters
  std::string norm;    ///< of the model under it: "Pre-LN"
  std::optional<profile::Profile> profile;
  std::string reason;                                             ///< where there is no profile
  double log10_spread = std::numeric_limits<double>::infinity();  ///< profile::log10_spread, set by sorting
};

/// Flattest first by log10_spread; those without a profile at the end.
void sort_by_flatness(std::vector<Candidate>& candidates);

void write_comparison_table(std::ostream& out, const std::string& name, const std::vector<Candidate>& candidates);
void write_comparison_csv(std::ostream& out, const std::vector<Candidate>& candidates);

/// Every candidate with its numbers and its whole profile, so that curves can be drawn from it.
void write_comparison_json(std::ostream& out, const std::string& name, const std::vector<Candidate>& candidates,
                           const Provenance& provenance);

}  // namespace sigprop::report
