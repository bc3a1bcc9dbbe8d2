// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sigprop::profile {

/// Where a number of a profile stands.
struct Spot {
  bool of_layer = false;  ///< of a layer, else of a point
  std::size_t index = 0;  ///< in the profile's points or layers
  std::string quantity;   ///< "forward.second_moment", "weights.value.gradient_norm"

  [[nodiscard]] bool operator==(const Spot&) const = default;
};

/// How far a quantity of one random network lies from its mean: a number for each of independent
/// standard normal numbers, which all rows of a model share. Of the quantity's logarithm, of a
/// correlation itself: the row's length is its spread, the product of two rows their covariance.
struct DeviationRow {
  Spot spot;
  std::vector<double> row;
};

/// A number that somebody measured.
struct Measurement {
  Spot spot;
  double value = 0;
};

}  // namespace sigprop::profile
