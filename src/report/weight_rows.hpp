// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/profile/profile.hpp"

namespace sigprop::report {

/// A weight from the first layer that has it to the last.
struct WeightRow {
  std::string name;
  std::string std;    ///< "0.02", or "0.02 .. 0.04"; of all weights together empty
  std::string norm;   ///< of the gradient, "1.2 .. 3.4"; empty where the theory has none
  std::string ratio;  ///< of the norms, last over first; empty where there is none
  /// The smallest and the largest norm with their layers, "0 (7) .. 3.4 (12)", of two stacks "0
  /// (encoder 7)";
  /// empty where a single layer has the weight.
  std::string extremes;
};

/// One row a weight, and one for all weights of a layer together where it has several.
[[nodiscard]] std::vector<WeightRow> weight_rows(const profile::Profile& profile);

}  // namespace sigprop::report
