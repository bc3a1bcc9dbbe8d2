// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <ostream>
#include <stdexcept>

#include "sigprop/verify/verify.hpp"
#include "support/replicates.hpp"

namespace sigprop::test {

/// The chance that any of a family of comparisons fails although every prediction is right.
inline constexpr double family_error = 1e-6;
/// Below this the standard error itself is too uncertain.
inline constexpr std::size_t fewest_replicates = 30;

/// Two-sided critical value of Student's t for one of `comparisons` comparisons of a family
/// (Šidák).
[[nodiscard]] inline double critical_t(std::size_t replicates, std::size_t comparisons) {
  if (replicates < fewest_replicates) throw std::logic_error("a comparison needs at least 30 replicates");
  return verify::critical_t(replicates, comparisons, family_error);
}

/// A prediction beside its measurement. They agree within limit = model error · |predicted| + t ·
/// SE.
struct Comparison {
  double predicted;
  double measured;
  double standard_error;
  double limit;

  [[nodiscard]] bool agrees() const { return std::abs(predicted - measured) <= limit; }
  [[nodiscard]] double ratio() const { return predicted / measured; }
};

/// `model_error` is the relative error that the formula's Status states, 0 for an exact one.
[[nodiscard]] inline Comparison compare(double predicted, const Replicates& measured, double model_error,
                                        std::size_t comparisons) {
  const double error = measured.standard_error();
  return {predicted, measured.mean(), error,
          model_error * std::abs(predicted) + critical_t(measured.count(), comparisons) * error};
}

inline std::ostream& operator<<(std::ostream& out, const Comparison& c) {
  return out << "predicted " << c.predicted << ", measured " << c.measured << " +- " << c.standard_error
             << ", predicted/measured " << c.ratio() << ", limit of the difference " << c.limit;
}

}  // namespace sigprop::test
