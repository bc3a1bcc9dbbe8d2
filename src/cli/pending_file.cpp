// SPDX-License-Identifier: Apache-2.0
#include "cli/pending_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/command.hpp"

namespace sigprop::cli {

PendingFile::PendingFile(const std::string& option, const std::string& path)
    : name_(option + " " + path), path_(path), temporary_(path + ".partial." + std::to_string(getpid())) {
  errno = 0;
  stream_.open(temporary_, std::ios::binary | std::ios::trunc);
  if (!stream_) {
    throw Failure(wrong_usage, name_ + ": cannot be written: " + std::strerror(errno) +
                                   "; name a file in a folder that exists and is yours");
  }
}

PendingFile::~PendingFile() {
  if (!finished_) std::remove(temporary_.c_str());
}

void PendingFile::finish() {
  errno = 0;
  stream_.close();
  if (!stream_ || std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    throw Failure(machine, name_ + ": writing failed: " + std::strerror(errno != 0 ? errno : EIO) +
                               "; nothing was changed there");
  }
  finished_ = true;
}

}  // namespace sigprop::cli
