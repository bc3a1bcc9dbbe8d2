// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace sigprop::scalar {

/// Gives every number below a count to one of several workers, a thread each, no more than `most`;
/// tells `done` on this thread how many are. Throws what any of them throws.
inline void on_all_processors(std::size_t count, const std::function<std::function<void(std::size_t)>()>& worker,
                              const std::function<void(std::size_t)>& done = {},
                              std::size_t most = std::max(1U, std::thread::hardware_concurrency())) {
  std::atomic<std::size_t> next = 0, finished = 0;
  std::mutex guard;
  std::exception_ptr fault;
  const auto share = [&](bool tells) {
    try {
      const std::function<void(std::size_t)> work = worker();
      for (std::size_t i = next++; i < count; i = next++) {
        work(i);
        ++finished;
        if (tells && done) done(finished);
      }
    } catch (...) {
      const std::lock_guard lock(guard);
      if (!fault) fault = std::current_exception();
      next = count;
    }
  };
  const std::size_t threads = std::min(count, most);
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < threads; ++i) others.emplace_back(share, false);
  share(true);
  for (std::thread& thread : others) thread.join();
  if (fault) std::rethrow_exception(fault);
  if (done) done(finished);
}

}  // namespace sigprop::scalar
