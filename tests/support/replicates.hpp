// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>

namespace sigprop::test {

/// Mean and standard error over replicates. The unit is one replicate with fresh weights, inputs
/// and masks, never an
/// element: tokens of one replicate share weights.
class Replicates {
 public:
  void add(double value) {
    ++count_;
    const double from_mean = value - mean_;
    mean_ += from_mean / static_cast<double>(count_);
    squares_ += from_mean * (value - mean_);
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] double mean() const { return mean_; }
  /// s/√R, s with the divisor R - 1.
  [[nodiscard]] double standard_error() const {
    const double r = static_cast<double>(count_);
    return std::sqrt(squares_ / (r * (r - 1)));
  }

 private:
  std::size_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;
};

}  // namespace sigprop::test
