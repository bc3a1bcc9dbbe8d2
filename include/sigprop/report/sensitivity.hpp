// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sigprop/report/report.hpp"

/// How a number of a prediction follows the numbers of its model (docs/sensitivity.md).
namespace sigprop::report {

struct KnobSlope {
  std::string knob;
  double lowest = 0;  ///< of all layers
  double highest = 0;
  std::optional<double> elasticity;      ///< ∂ln Q/∂ln k: percent for each percent; none of a knob that is 0
  std::optional<double> log10_per_unit;  ///< ∂log10 Q/∂k; none of a knob that differs between layers
};

struct Sensitivity {
  std::string name;
  std::string theory;
  std::vector<std::string> warnings;
  std::string quantity;  ///< "backward.variance first/last"
  profile::Quantity value;
  bool by_differences = false;  ///< else by dual numbers
  std::vector<KnobSlope> knobs;
};

/// Knobs by the size of their elasticity, those of 0 behind by their slope.
void rank(Sensitivity& sensitivity);

void write_table(std::ostream& out, const Sensitivity& sensitivity);
void write_csv(std::ostream& out, const Sensitivity& sensitivity);
void write_json(std::ostream& out, const Sensitivity& sensitivity, const Provenance& provenance);

}  // namespace sigprop::report
