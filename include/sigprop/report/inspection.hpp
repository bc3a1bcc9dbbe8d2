// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>

#include "sigprop/measured/inspect.hpp"
#include "sigprop/report/checks.hpp"
#include "sigprop/report/report.hpp"

/// The weights of a file as text (docs/inspect.md).
namespace sigprop::report {

/// What the tables and messages need to know besides.
struct InspectedModel {
  std::string file;
  std::string name;        ///< of the model that is expected; empty without one
  std::size_t stacks = 1;  ///< of it
};

/// One line a kind of weight, of all its layers, or with `all` one a tensor; what is wrong below.
void write_table(std::ostream& out, const measured::Inspection& inspection, const InspectedModel& model, bool all);

/// One row a tensor, or part of a fused one.
void write_csv(std::ostream& out, const measured::Inspection& inspection, const InspectedModel& model);

void write_json(std::ostream& out, const measured::Inspection& inspection, const InspectedModel& model,
                const Provenance& provenance);

/// Everything that is wrong, a sentence each.
[[nodiscard]] std::vector<std::string> faults_of(const measured::Inspection& inspection, const InspectedModel& model);

/// As checks of a spec, for the services that show their results: every weight of which something
/// is expected, and as faults what is no number.
[[nodiscard]] CheckedSpec checks_of(const measured::Inspection& inspection, const InspectedModel& model);

}  // namespace sigprop::report
