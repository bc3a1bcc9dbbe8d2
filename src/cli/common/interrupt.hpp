// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace sigprop::cli {

/// While one lives, Ctrl-C and SIGTERM ask the work to end instead of ending the program; a second
/// signal ends it at once.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  [[nodiscard]] static const std::atomic<bool>& asked();
  [[nodiscard]] static int signal();  ///< the one that came, 0 for none
};

}  // namespace sigprop::cli
