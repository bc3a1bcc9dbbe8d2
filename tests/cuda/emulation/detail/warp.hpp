// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fiber.hpp"
#include "threads.hpp"

namespace sigprop::test::emulation::detail {

inline constexpr unsigned warp_lanes = 32;

/// What a thread waits at and what it brings there. `source` is the lane a shuffle reads.
struct Wait {
  Barrier barrier = Barrier::none;
  unsigned mask = 0;
  std::uint64_t value = 0;
  unsigned source = 0;
  Site site;
};

/// One thread of the running block. The fiber is set from its first wait to its end.
struct Thread {
  uint3 index{};
  Fiber* fiber = nullptr;
  bool finished = false;
  Wait wait;
  std::uint64_t result = 0;

  [[nodiscard]] bool ready() const { return !finished && wait.barrier == Barrier::none; }
};

/// The lane that `lane` reads: PTX's rule for shfl, where a lane outside the segment means the own
/// one.
[[nodiscard]] unsigned shuffle_source(Barrier barrier, unsigned lane, unsigned operand, int width);

/// Lets the threads go on whose barrier is complete and gives them their results; false if there
/// are none.
bool release(std::vector<Thread>& threads);

/// Why the block's threads cannot go on: how many have finished and how many wait where.
[[nodiscard]] std::string standstill(const std::vector<Thread>& threads);

}  // namespace sigprop::test::emulation::detail
