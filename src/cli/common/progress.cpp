// SPDX-License-Identifier: Apache-2.0
#include "cli/common/progress.hpp"

#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace sigprop::cli {
namespace {

/// 75 → "1 min 15 s"
std::string duration(double seconds) {
  const auto whole = static_cast<long>(std::ceil(seconds));
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) + " s";
  return std::to_string(whole / 3600) + " h " + std::to_string(whole / 60 % 60) + " min";
}

}  // namespace

ProgressLine::ProgressLine(bool quiet) : shown_(!quiet && isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (dirty_) std::fputs("\r\033[K", stderr);
}

void ProgressLine::show(const std::string& unit, std::size_t done, std::size_t total, std::size_t resumed,
                        double seconds) {
  constexpr std::chrono::milliseconds interval{100};
  const auto now = std::chrono::steady_clock::now();
  if (!shown_ || (dirty_ && done < total && now - last_ < interval)) return;
  last_ = now;
  dirty_ = true;
  const double left = seconds / static_cast<double>(done - resumed) * static_cast<double>(total - done);
  std::fprintf(stderr, "\r\033[K%s %zu of %zu, %s left", unit.c_str(), done, total, duration(left).c_str());
  std::fflush(stderr);
}

}  // namespace sigprop::cli
