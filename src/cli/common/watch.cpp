// SPDX-License-Identifier: Apache-2.0
#include "cli/common/watch.hpp"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

#include "cli/common/command.hpp"
#include "cli/common/progress.hpp"
#include "files/temporary_file.hpp"

namespace sigprop::cli {
namespace {

double resident_gigabytes() {
  std::ifstream status("/proc/self/statm");
  double pages = 0, resident = 0;
  status >> pages >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e9;
}

/// The work goes on in other threads, which nothing can stop: the program ends from here.
[[noreturn]] void end(const std::string& why) {
  StatusLine::clear();
  say(why);
  files::remove_temporary_files();
  std::_Exit(machine);
}

std::string shown(double x) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%g", x);
  return buffer;
}

}  // namespace

Watch::Watch(const Limits& limits, bool quiet, std::string subject)
    : limits_(limits),
      subject_(subject.empty() ? "" : std::move(subject) + ": "),
      shows_(!quiet),
      thread_([this] { look(); }) {}

Watch::~Watch() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
  StatusLine::clear();
}

void Watch::hide() {
  const std::lock_guard lock(mutex_);
  if (shows_) StatusLine::clear();
  shows_ = false;
}

void Watch::look() {
  constexpr std::chrono::milliseconds interval{20};
  constexpr double silent = 1;  // second
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, interval, [this] { return over_; })) {
    const double seconds = seconds_since(begin_);
    if (limits_.seconds > 0 && seconds > limits_.seconds)
      end(subject_ + "stopped after " + shown(limits_.seconds) +
          " s, the limit that --max-seconds sets: raise it, or ask for less");
    if (limits_.gigabytes > 0 && resident_gigabytes() > limits_.gigabytes)
      end(subject_ + "stopped beyond " + shown(limits_.gigabytes) +
          " GB of memory, the limit that --max-memory sets: raise it, or ask for less");
    if (shows_ && seconds > silent && StatusLine::seconds_since_shown() > silent)
      StatusLine::show("working, " + duration(seconds) + " so far");
  }
}

}  // namespace sigprop::cli
