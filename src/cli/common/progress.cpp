// SPDX-License-Identifier: Apache-2.0
#include "cli/common/progress.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <mutex>

namespace sigprop::cli {
namespace {

using Clock = std::chrono::steady_clock;

std::mutex mutex;
bool dirty = false;
Clock::time_point last_shown = Clock::now();

}  // namespace

std::string duration(double seconds) {
  const auto whole = static_cast<long>(std::ceil(seconds));
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + std::to_string(whole / 60 % 60) + " min";
}

void StatusLine::show(const std::string& text) {
  static const bool terminal = isatty(STDERR_FILENO) == 1;
  const std::lock_guard lock(mutex);
  last_shown = Clock::now();
  if (!terminal) return;
  dirty = true;
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
  std::fflush(stderr);
}

void StatusLine::clear() {
  const std::lock_guard lock(mutex);
  if (dirty) std::fputs("\r\033[K", stderr);
  dirty = false;
}

double StatusLine::seconds_since_shown() {
  const std::lock_guard lock(mutex);
  return std::chrono::duration<double>(Clock::now() - last_shown).count();
}

void ProgressLine::show(const std::string& unit, std::size_t done, std::size_t total, std::size_t resumed,
                        double seconds) {
  constexpr std::chrono::milliseconds interval{100};
  const auto now = Clock::now();
  if (!shown_ || (done < total && now - last_ < interval)) return;
  last_ = now;
  const double left = seconds / static_cast<double>(done - resumed) * static_cast<double>(total - done);
  StatusLine::show(unit + " " + std::to_string(done) + " of " + std::to_string(total) + ", " + duration(left) +
                   " left");
}

}  // namespace sigprop::cli
