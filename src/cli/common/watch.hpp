// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace sigprop::cli {

/// What a command may take; 0 for as much as it wants.
struct Limits {
  double seconds = 0;
  double gigabytes = 0;  ///< of resident memory
};

/// While it lives, a terminal shows how long a command has worked wherever it shows nothing else
/// for a second, and a command that goes beyond its limits ends: a message, no file half written,
/// exit status 3.
class Watch {
 public:
  /// subject: what a message begins with; empty for nothing.
  Watch(const Limits& limits, bool quiet, std::string subject = "");
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

  /// Shows nothing from here on. The limits stay.
  void hide();

 private:
  void look();

  const Limits limits_;
  const std::string subject_;
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool shows_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace sigprop::cli
