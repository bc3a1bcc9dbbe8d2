// SPDX-License-Identifier: Apache-2.0
#include "cli/common/side_files.hpp"

#include <set>

#include "cli/common/command.hpp"

namespace sigprop::cli {

void require_different_files(const std::vector<std::string>& read, const std::vector<NamedFile>& written,
                             const std::string& what_is_read, const std::string& what_is_printed) {
  std::set<std::string> names;
  for (const std::string& file : read) {
    if (file != "-") names.insert(real_path(file));
  }
  const std::string printed = ": must be a file: standard output has the " + what_is_printed;
  const std::string taken = ": is " + what_is_read + ", or written by another option already; name another file";
  for (const auto& [option, file] : written) {
    if (file.empty() || (file == "-" && option == "--output")) continue;
    std::string name = option;
    name.append(" ").append(file);
    if (file == "-") throw Failure(wrong_usage, name.append(printed));
    if (!names.insert(real_path(file)).second) throw Failure(wrong_usage, name.append(taken));
  }
}

}  // namespace sigprop::cli
