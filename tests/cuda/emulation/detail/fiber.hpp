// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#if !defined(__x86_64__) || defined(SIGPROP_EMULATION_UCONTEXT)
#define SIGPROP_EMULATION_SWITCH_BY_UCONTEXT
#include <ucontext.h>
#endif

namespace sigprop::test::emulation::detail {

/// A flow of control with a stack of its own, below which a page is forbidden.
class Fiber {
 public:
  /// The flow of the operating system's thread.
  Fiber() = default;
  /// One that begins with `entry`, which must not return.
  explicit Fiber(void (*entry)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Drops what the fiber was doing: the next switch to it begins with its entry again.
  void restart();

  /// Leaves `from`, the running one, for `to`. Returns when something switches back to `from`.
  static void change(Fiber& from, Fiber& to);

 private:
  static void begin();
  static void arrive(void* fake_stack);

  void (*entry_)() = nullptr;
  char* mapping_ = nullptr;
#if defined(SIGPROP_EMULATION_SWITCH_BY_UCONTEXT)
  ucontext_t context_{};
#else
  void* stack_pointer_ = nullptr;
#endif
  // AddressSanitizer's view of the stack.
  void* fake_stack_ = nullptr;
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sigprop::test::emulation::detail
