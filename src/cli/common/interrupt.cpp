// SPDX-License-Identifier: Apache-2.0
#include "cli/common/interrupt.hpp"

#include <array>
#include <csignal>

namespace sigprop::cli {
namespace {

constexpr std::array asking{SIGINT, SIGTERM};

std::atomic<bool> asked_to_end{false};
std::atomic<int> signal_that_came{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

/// What these signals did before, and do again when they come for the second time.
using Handler = void (*)(int);
std::array<Handler, asking.size()> before{};
int living = 0;  ///< a sweep's points have interrupts of their own inside the sweep's

void restore() {
  for (std::size_t i = 0; i < asking.size(); ++i) std::signal(asking[i], before[i]);
}

extern "C" void ask_to_end(int signal) {
  signal_that_came = signal;
  asked_to_end = true;
  restore();
}

}  // namespace

Interrupt::Interrupt() {
  if (living++ > 0) return;
  for (std::size_t i = 0; i < asking.size(); ++i) {
    before[i] = std::signal(asking[i], ask_to_end);
    if (before[i] == SIG_IGN) std::signal(asking[i], SIG_IGN);
  }
}

Interrupt::~Interrupt() {
  if (--living == 0) restore();
}

const std::atomic<bool>& Interrupt::asked() {
  return asked_to_end;
}

int Interrupt::signal() {
  return signal_that_came;
}

}  // namespace sigprop::cli
