// SPDX-License-Identifier: Apache-2.0
#include "cli/common/interrupt.hpp"

#include <csignal>

namespace sigprop::cli {
namespace {

std::atomic<bool> asked_to_end{false};
std::atomic<int> signal_that_came{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

extern "C" void ask_to_end(int signal) {
  signal_that_came = signal;
  asked_to_end = true;
  std::signal(signal, SIG_DFL);
}

}  // namespace

Interrupt::Interrupt() {
  std::signal(SIGINT, ask_to_end);
  std::signal(SIGTERM, ask_to_end);
}

Interrupt::~Interrupt() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

const std::atomic<bool>& Interrupt::asked() {
  return asked_to_end;
}

int Interrupt::signal() {
  return signal_that_came;
}

}  // namespace sigprop::cli
