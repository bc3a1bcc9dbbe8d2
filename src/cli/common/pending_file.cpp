// SPDX-License-Identifier: Apache-2.0
#include "cli/common/pending_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "cli/common/command.hpp"

namespace sigprop::cli {

namespace {

bool is_device(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) && !std::filesystem::is_regular_file(path, ignored);
}

}  // namespace

std::string real_path(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, failed);
  return failed ? path : real.string();
}

PendingFile::PendingFile(const std::string& option, const std::string& path)
    : name_(option + " " + path),
      path_(real_path(path)),
      temporary_(is_device(path_) ? path_ : path_ + ".partial." + std::to_string(getpid())) {
  errno = 0;
  stream_.open(temporary_, std::ios::binary | std::ios::trunc);
  if (!stream_) {
    throw Failure(wrong_usage, name_ + ": cannot be written: " + std::strerror(errno) +
                                   "; name a file in a folder that exists and is yours");
  }
}

PendingFile::~PendingFile() {
  if (!finished_ && temporary_ != path_) std::remove(temporary_.c_str());
}

void PendingFile::finish() {
  errno = 0;
  stream_.close();
  const bool whole = stream_ && (temporary_ == path_ || std::rename(temporary_.c_str(), path_.c_str()) == 0);
  if (!whole) {
    throw Failure(machine, name_ + ": writing failed: " + std::strerror(errno != 0 ? errno : EIO) +
                               "; nothing was changed there");
  }
  finished_ = true;
}

}  // namespace sigprop::cli
