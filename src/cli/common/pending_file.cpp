// SPDX-License-Identifier: Apache-2.0
#include "cli/common/pending_file.hpp"

#include <filesystem>
#include <vector>

#include "cli/common/command.hpp"

namespace sigprop::cli {
namespace {

std::vector<std::string>& inputs() {
  static std::vector<std::string> all;
  return all;
}

/// A file that is written, as messages name it.
struct Output {
  std::string name;
  std::string path;
};

std::vector<Output>& outputs() {
  static std::vector<Output> all;
  return all;
}

void require_other_file(const Output& output, const std::string& input) {
  std::error_code absent;
  if (real_path(input) != real_path(output.path) && !std::filesystem::equivalent(input, output.path, absent)) return;
  throw Failure(wrong_usage, output.name + ": is a file that this command reads; name another file for the result");
}

}  // namespace

std::string real_path(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, failed);
  return failed ? path : real.string();
}

void note_input(const std::string& path) {
  if (path == "-") return;
  for (const Output& output : outputs()) require_other_file(output, path);
  inputs().push_back(path);
}

void note_output(const std::string& name, const std::string& path) {
  std::error_code absent;
  const bool is_device = std::filesystem::exists(path, absent) && !std::filesystem::is_regular_file(path, absent);
  if (is_device) return;
  const Output output{name, path};
  for (const std::string& input : inputs()) require_other_file(output, input);
  outputs().push_back(output);
}

PendingFile::PendingFile(const std::string& option, const std::string& path)
    : name_(option + " " + path), path_(real_path(path)) {
  note_output(name_, path_);
  try {
    file_.emplace(path_);
  } catch (const files::Error& error) {
    throw Failure(wrong_usage, name_ + ": cannot be written: " + error.what() +
                                   "; name a file in a folder that exists and is yours");
  }
}

void PendingFile::finish() {
  try {
    file_->finish();
  } catch (const files::Error& error) {
    throw Failure(machine, name_ + ": writing failed: " + error.what() + "; nothing was changed there");
  }
}

}  // namespace sigprop::cli
