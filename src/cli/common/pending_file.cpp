// SPDX-License-Identifier: Apache-2.0
#include "cli/common/pending_file.hpp"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "cli/common/command.hpp"

namespace sigprop::cli {
namespace {

std::vector<std::string>& inputs() {
  static std::vector<std::string> all;
  return all;
}

bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code absent;
  return real_path(a) == real_path(b) || std::filesystem::equivalent(a, b, absent);
}

}  // namespace

std::string real_path(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, failed);
  return failed ? path : real.string();
}

void note_input(const std::string& path) {
  if (path != "-") inputs().push_back(path);
}

void require_no_input(const std::string& name, const std::string& path) {
  std::error_code absent;
  const bool device = std::filesystem::exists(path, absent) && !std::filesystem::is_regular_file(path, absent);
  if (device ||
      std::none_of(inputs().begin(), inputs().end(), [&](const auto& input) { return is_same_file(input, path); }))
    return;
  throw Failure(wrong_usage, name + ": is a file that this command reads; name another file for the result");
}

PendingFile::PendingFile(const std::string& option, const std::string& path)
    : name_(option + " " + path), path_(real_path(path)) {
  require_no_input(name_, path_);
  try {
    file_.emplace(path_);
  } catch (const files::Error& error) {
    throw Failure(wrong_usage, name_ + ": cannot be written: " + error.what() +
                                   "; name a file in a folder that exists and is yours");
  }
}

void PendingFile::finish() {
  require_no_input(name_, path_);  // an input may have been read since
  try {
    file_->finish();
  } catch (const files::Error& error) {
    throw Failure(machine, name_ + ": writing failed: " + error.what() + "; nothing was changed there");
  }
}

}  // namespace sigprop::cli
