// SPDX-License-Identifier: Apache-2.0
#include "cli/common/resumable_lines.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "cli/common/command.hpp"
#include "cli/common/pending_file.hpp"

namespace sigprop::cli {
namespace {

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string reason() {
  return std::strerror(errno != 0 ? errno : EIO);
}

}  // namespace

ResumableLines::ResumableLines(const std::string& file, const std::string& head) {
  if (file.empty() || file == "-") {
    write(head);
    return;
  }
  file_ = real_path(file);
  partial_ = file_ + ".partial";
  std::error_code ignored;
  if (std::filesystem::is_directory(file_, ignored))
    throw Failure(wrong_usage, "--output " + file + ": cannot be written: it is a folder; name a file in it");
  if (std::filesystem::exists(partial_, ignored)) resume(head);
  errno = 0;
  stream_.open(partial_, std::ios::binary | std::ios::app);
  if (!stream_) {
    throw Failure(wrong_usage, "--output " + file + ": cannot be written: " + reason() +
                                   "; name a file in a folder that exists and is yours");
  }
  if (std::filesystem::file_size(partial_, ignored) == 0) write(head);
}

void ResumableLines::resume(const std::string& head) {
  const std::string text = contents(partial_);
  const std::size_t whole = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  if (whole > 0 && text.compare(0, head.size(), head) != 0) {
    throw Failure(wrong_usage,
                  partial_ +
                      ": holds another sweep, of another spec or other options: finish that with its own command, "
                      "remove the file, or choose another --output");
  }
  for (std::size_t i = 0; i < whole; ++i) found_ += text[i] == '\n' ? 1 : 0;
  if (found_ > 0) --found_;  // the head
  std::filesystem::resize_file(partial_, whole);
}

void ResumableLines::write(const std::string& line) {
  std::ostream& out = partial_.empty() ? std::cout : stream_;
  errno = 0;
  out << line;
  out.flush();
  if (!out) {
    throw Failure(machine, (partial_.empty() ? "standard output" : partial_) + ": writing failed: " + reason() +
                               (partial_.empty() ? "" : "; the same command goes on from what is there"));
  }
}

void ResumableLines::finish() {
  if (partial_.empty()) return;
  errno = 0;
  stream_.close();
  if (!stream_ || std::rename(partial_.c_str(), file_.c_str()) != 0)
    throw Failure(machine, file_ + ": writing failed: " + reason() + "; the result is in " + partial_);
}

}  // namespace sigprop::cli
