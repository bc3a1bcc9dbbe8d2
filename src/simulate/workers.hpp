// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "simulate/sample.hpp"

namespace sigprop::simulate {

/// Who computes replicates: several side by side, each a batch at a time.
class Workers {
 public:
  virtual ~Workers() = default;
  [[nodiscard]] virtual int count() const = 0;
  /// Replicates that a worker takes at once.
  [[nodiscard]] virtual std::size_t batch() const = 0;
  /// Samples of replicates first, first + 1, ..., by one worker on the calling thread. Throws
  /// Stopped, and what makes it impossible.
  [[nodiscard]] virtual std::vector<Sample> run(int worker, std::uint32_t first, std::size_t count) = 0;
};

}  // namespace sigprop::simulate
