// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/report/checks.hpp"

/// What the reports of checks have in common.
namespace sigprop::report {

/// An outcome and the spec it belongs to.
struct Listed {
  const CheckedSpec* spec;
  const check::Outcome* outcome;
};

/// All outcomes, worst first: failures by the factor they are off, then the tightest passes.
[[nodiscard]] std::vector<Listed> worst_first(const std::vector<CheckedSpec>& specs);

/// Something to show beside a file: a failed check or a fault.
struct Finding {
  std::string file;
  std::size_t line = 0;  ///< 0 where none is known
  std::string title;     ///< the check's quantity; "spec" of a fault
  std::string message;
};

/// Faults first, then failed checks, worst first.
[[nodiscard]] std::vector<Finding> findings(const std::vector<CheckedSpec>& specs);

[[nodiscard]] std::size_t failures(const CheckedSpec& spec);

}  // namespace sigprop::report
