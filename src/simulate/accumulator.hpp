// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "simulate/sample.hpp"

namespace sigprop::simulate {

/// Means of samples and covariances within each group of their numbers, updated sample by sample
/// (Welford; Chan, Golub and LeVeque 1979). The order of the samples decides the last bits: callers
/// add replicates in their order.
class Accumulator {
 public:
  explicit Accumulator(const Layout& layout);

  void add(const Sample& sample);

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] double mean(std::size_t i) const { return mean_[i]; }

  /// Covariance between replicates of numbers a and b of the group that begins at `begin`; NaN for
  /// one replicate.
  [[nodiscard]] double covariance(std::size_t begin, std::size_t a, std::size_t b) const;

 private:
  struct Group {
    std::size_t begin;
    std::size_t size;
    std::size_t products;  ///< where its size × size sums of products begin
  };

  std::vector<Group> groups_;
  std::vector<std::size_t> group_at_;  ///< by the first number of a group
  std::size_t count_ = 0;
  std::vector<double> mean_;
  std::vector<double> products_;
};

}  // namespace sigprop::simulate
