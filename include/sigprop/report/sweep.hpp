// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sigprop/report/report.hpp"

/// A sweep as JSON Lines (docs/sweep.md): one line that tells how it was made, then one a point.
namespace sigprop::report {

struct SweepHead {
  std::string name;
  Provenance provenance;
  std::string spec;  ///< JSON
  std::vector<std::pair<std::string, std::vector<std::string>>>
      axes;  ///< path and values, JSON; the last changes fastest
  std::vector<std::string> quantities;
  std::size_t points = 0;
};

/// What one point of a sweep gave: values by name, or why there are none.
struct SweepPoint {
  std::size_t index = 0;
  std::vector<std::pair<std::string, std::string>> set;  ///< path and value, JSON
  std::vector<std::pair<std::string, profile::Quantity>> values;
  std::vector<profile::Verdict> verdicts;
  std::string error;  ///< empty where there are values
};

/// Each is a whole line.
[[nodiscard]] std::string sweep_line(const SweepHead& head);
[[nodiscard]] std::string sweep_line(const SweepPoint& point);

}  // namespace sigprop::report
