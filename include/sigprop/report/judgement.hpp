// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "sigprop/report/checks.hpp"
#include "sigprop/report/report.hpp"
#include "sigprop/verify/judge.hpp"

/// A judgement of one network as text (docs/one-network.md).
namespace sigprop::report {

/// What was judged.
struct JudgedModel {
  std::string file;  ///< of what was measured; the spec's where it was simulated
  std::string name;
  std::vector<std::string> warnings;
};

/// One row a quantity with the place that lies farthest, or with `all` one row a place; the verdict
/// below.
void write_table(std::ostream& out, const verify::Judgement& judgement, const JudgedModel& model, bool all);

/// One row a quantity and place.
void write_csv(std::ostream& out, const verify::Judgement& judgement);

void write_json(std::ostream& out, const verify::Judgement& judgement, const JudgedModel& model,
                const Provenance& provenance);

/// As checks of a spec, for the services that show their results.
[[nodiscard]] CheckedSpec checks_of(const verify::Judgement& judgement, const JudgedModel& model);

}  // namespace sigprop::report
