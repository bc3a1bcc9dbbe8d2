// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

namespace sigprop::test {

/// Random numbers of a test, from a seed that never changes.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] double normal() { return normal_(engine_); }
  [[nodiscard]] double uniform() { return uniform_(engine_); }
  [[nodiscard]] double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// A value whose logarithm is uniform between the logarithms of low and high.
  [[nodiscard]] double log_uniform(double low, double high) { return low * std::pow(high / low, uniform()); }
  [[nodiscard]] bool happens(double probability) { return uniform() < probability; }

 private:
  std::mt19937_64 engine_;
  std::normal_distribution<double> normal_;
  std::uniform_real_distribution<double> uniform_;
};

}  // namespace sigprop::test
