// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "sigprop/check/check.hpp"
#include "sigprop/report/report.hpp"

/// Checked specs as text: for people, for programs, and for the services that show test results
/// beside the code (docs/ci.md).
namespace sigprop::report {

struct CheckedSpec {
  std::string file;                      ///< as given; "-" for standard input
  std::string name;                      ///< of the model; empty where the file could not be read
  std::vector<check::Outcome> outcomes;  ///< those of checks that could be evaluated
  std::vector<check::Fault> faults;      ///< of the file or its checks; a message names the file
};

/// "forward.variance last/first", "rank_residual every", "attention.entropy layer 3".
[[nodiscard]] std::string subject(const check::Condition& condition);

/// "from 0.1 to 10", "at most 10".
[[nodiscard]] std::string bound(const check::Condition& condition);

/// Which value an outcome found, where, and what it must be.
[[nodiscard]] std::string sentence(const check::Outcome& outcome);

/// One line a check, worst first, and how many failed.
void write_checks_table(std::ostream& out, const std::vector<CheckedSpec>& specs);

/// One row a check, worst first.
void write_checks_csv(std::ostream& out, const std::vector<CheckedSpec>& specs);

/// Checks, worst first, then faults and a summary (docs/ci.md).
void write_checks_json(std::ostream& out, const std::vector<CheckedSpec>& specs, const Provenance& provenance);

/// JUnit's XML: a suite for each spec, a case for each check, an error for each fault.
void write_junit(std::ostream& out, const std::vector<CheckedSpec>& specs);

/// SARIF 2.1.0: a result for each failed check and each fault.
void write_sarif(std::ostream& out, const std::vector<CheckedSpec>& specs);

/// GitHub's workflow commands: an annotation for each failed check and each fault, faults first,
/// then the worst. GitHub shows ten errors of a step; of more the first ten are written, and a
/// notice tells how many there are.
void write_github(std::ostream& out, const std::vector<CheckedSpec>& specs);

}  // namespace sigprop::report
