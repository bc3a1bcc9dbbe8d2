// SPDX-License-Identifier: Apache-2.0
#include "fiber.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define SIGPROP_EMULATION_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIGPROP_EMULATION_ASAN
#endif
#endif
#if defined(SIGPROP_EMULATION_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if !defined(SIGPROP_EMULATION_SWITCH_BY_UCONTEXT)
// swapcontext asks the kernel twice for the signal mask; this saves the registers that a call must
// keep, and no more.
extern "C" void sigprop_emulation_change(void** save, void* load);
asm(R"(
.text
.globl sigprop_emulation_change
.type sigprop_emulation_change, @function
sigprop_emulation_change:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size sigprop_emulation_change, .-sigprop_emulation_change
)");
#endif

namespace sigprop::test::emulation::detail {
namespace {

// Instrumented code needs larger frames.
#if defined(SIGPROP_EMULATION_ASAN)
constexpr std::size_t stack_bytes = 256 * 1024;
#else
constexpr std::size_t stack_bytes = 64 * 1024;
#endif

// One launch runs at a time, so these belong to it: the fiber just left and the one just entered.
Fiber* left = nullptr;
Fiber* entered = nullptr;

std::size_t guard_bytes() {
  return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

char* map_stack() {
  void* const mapping = mmap(nullptr, guard_bytes() + stack_bytes, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED || mprotect(mapping, guard_bytes(), PROT_NONE) != 0) throw std::bad_alloc();
  return static_cast<char*>(mapping);
}

}  // namespace

Fiber::Fiber(void (*entry)()) : entry_(entry), mapping_(map_stack()) {
  bottom_ = mapping_ + guard_bytes();
  size_ = stack_bytes;
  restart();
}

Fiber::~Fiber() {
  if (mapping_ != nullptr) munmap(mapping_, guard_bytes() + stack_bytes);
}

void Fiber::restart() {
  char* const bottom = mapping_ + guard_bytes();
#if defined(SIGPROP_EMULATION_ASAN)
  ASAN_UNPOISON_MEMORY_REGION(bottom, stack_bytes);
  fake_stack_ = nullptr;
#endif
#if defined(SIGPROP_EMULATION_SWITCH_BY_UCONTEXT)
  getcontext(&context_);
  context_.uc_stack.ss_sp = bottom;
  context_.uc_stack.ss_size = stack_bytes;
  context_.uc_link = nullptr;
  makecontext(&context_, &Fiber::begin, 0);
#else
  // From the top: no return address for begin, begin's own address, and six registers for the first
  // change to load. So begin starts, as every function does, 8 bytes below a multiple of 16.
  auto* const top = reinterpret_cast<std::uintptr_t*>(bottom + stack_bytes);
  for (int i = 1; i <= 8; ++i) top[-i] = 0;
  top[-2] = reinterpret_cast<std::uintptr_t>(&Fiber::begin);
  stack_pointer_ = top - 8;
#endif
}

void Fiber::begin() {
  arrive(nullptr);
  entered->entry_();
}

void Fiber::arrive([[maybe_unused]] void* fake_stack) {
#if defined(SIGPROP_EMULATION_ASAN)
  __sanitizer_finish_switch_fiber(fake_stack, &left->bottom_, &left->size_);
#endif
}

void Fiber::change(Fiber& from, Fiber& to) {
  left = &from;
  entered = &to;
#if defined(SIGPROP_EMULATION_ASAN)
  __sanitizer_start_switch_fiber(&from.fake_stack_, to.bottom_, to.size_);
#endif
#if defined(SIGPROP_EMULATION_SWITCH_BY_UCONTEXT)
  swapcontext(&from.context_, &to.context_);
#else
  sigprop_emulation_change(&from.stack_pointer_, to.stack_pointer_);
#endif
  arrive(from.fake_stack_);
}

}  // namespace sigprop::test::emulation::detail
