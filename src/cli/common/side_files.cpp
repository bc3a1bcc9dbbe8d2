// SPDX-License-Identifier: Apache-2.0
#include "cli/common/side_files.hpp"

#include <set>

#include "cli/common/command.hpp"

namespace sigprop::cli {

void require_different_files(const std::vector<std::string>& read, const std::string& output,
                             const std::vector<NamedFile>& beside, const std::string& what_is_read,
                             const std::string& what_is_printed) {
  std::set<std::string> names;
  for (const std::string& file : read) {
    if (file != "-") names.insert(real_path(file));
  }
  const auto failure = [](const std::string& option, const std::string& file, const std::string& why) {
    return Failure(wrong_usage, std::string(option).append(" ").append(file).append(": ").append(why));
  };
  const auto take = [&](const std::string& option, const std::string& file) {
    if (!names.insert(real_path(file)).second)
      throw failure(option, file, "is " + what_is_read + ", or written by another option already; name another file");
  };
  if (!output.empty() && output != "-") take("--output", output);
  for (const auto& [option, file] : beside) {
    if (file == "-") throw failure(option, file, "must be a file: standard output has the " + what_is_printed);
    if (!file.empty()) take(option, file);
  }
}

}  // namespace sigprop::cli
