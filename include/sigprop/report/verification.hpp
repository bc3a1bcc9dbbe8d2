// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/report/report.hpp"
#include "sigprop/verify/verify.hpp"

namespace sigprop::report {

/// What was verified.
struct VerifiedModel {
  std::string name;
  std::string theory;
  std::vector<std::string> warnings;
  std::size_t replicates = 0;
};

/// Points and layers in the shape of a profile, every quantity {predicted, mean, standard_error,
/// standard_deviation, difference, z, ...}; then a verdict a quantity and over all
/// (docs/results.md).
void write_json(std::ostream& out, const verify::Verification& result, const VerifiedModel& model,
                const Provenance& provenance);

/// One row a comparison.
void write_csv(std::ostream& out, const verify::Verification& result);

/// A table for people, 102 columns wide: one row a quantity with its worst place, or with `all` one
/// row a comparison.
void write_table(std::ostream& out, const verify::Verification& result, const VerifiedModel& model, bool all);

}  // namespace sigprop::report
