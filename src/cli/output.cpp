// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>

#include "cli/command.hpp"
#include "sigprop/spec/read.hpp"

namespace sigprop::cli {
namespace {

/// A file that takes its name only when it is complete; removed if that never comes.
class PendingFile {
 public:
  explicit PendingFile(const std::string& path)
      : path_(path), temporary_(path + ".partial." + std::to_string(getpid())) {
    errno = 0;
    stream_.open(temporary_, std::ios::binary | std::ios::trunc);
    if (!stream_) {
      throw Failure(wrong_usage, "--output " + path_ + ": cannot be written: " + std::strerror(errno) +
                                     "; name a file in a folder that exists and is yours");
    }
  }
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;
  ~PendingFile() {
    if (!finished_) std::remove(temporary_.c_str());
  }

  [[nodiscard]] std::ostream& stream() { return stream_; }

  void finish() {
    errno = 0;
    stream_.close();
    if (!stream_ || std::rename(temporary_.c_str(), path_.c_str()) != 0) {
      throw Failure(machine, "--output " + path_ + ": writing failed: " + std::strerror(errno != 0 ? errno : EIO) +
                                 "; nothing was changed there");
    }
    finished_ = true;
  }

 private:
  std::string path_;
  std::string temporary_;
  std::ofstream stream_;
  bool finished_ = false;
};

}  // namespace

void add_output_options(CLI::App& command, OutputOptions& options) {
  command.add_option("--format", options.format, "How to print the result")
      ->check(CLI::IsMember({"table", "json", "csv"}))
      ->capture_default_str();
  command.add_option("--output", options.file, "Write the result to FILE, whole or not at all")->type_name("FILE");
  command.add_flag("--quiet", options.quiet, "No warnings on standard error");
}

void write_output(const OutputOptions& options, const std::function<std::function<void(std::ostream&)>()>& produce) {
  if (!options.file.empty() && options.file != "-") {
    PendingFile file(options.file);
    produce()(file.stream());
    file.finish();
    return;
  }
  produce()(std::cout);
  errno = 0;
  std::cout.flush();
  if (!std::cout)
    throw Failure(machine, std::string("standard output: writing failed: ") + std::strerror(errno != 0 ? errno : EIO));
}

std::string shown_path(const std::string& path) {
  return path == "-" ? "standard input" : path;
}

void warn(const OutputOptions& options, const std::string& spec, const std::vector<std::string>& warnings) {
  if (options.quiet) return;
  for (const std::string& warning : warnings)
    std::cerr << "sigprop: warning: " << shown_path(spec) << ": " << warning << '\n';
}

namespace {

[[noreturn]] void fail(const std::vector<std::string>& errors) {
  std::string message;
  for (const std::string& error : errors) message += (message.empty() ? "" : "\n") + error;
  throw Failure(wrong_usage, message);
}

}  // namespace

void require_good(const spec::ReadResult& read) {
  if (!read.network) fail(read.errors);
}

spec::ReadResult load(const std::string& path) {
  spec::ReadResult result = spec::read_file(path);
  require_good(result);
  return result;
}

spec::FileText load_text(const std::string& path) {
  spec::FileText file = spec::text_of(path);
  if (!file.text) fail(file.errors);
  return file;
}

}  // namespace sigprop::cli
