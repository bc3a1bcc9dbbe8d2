// SPDX-License-Identifier: Apache-2.0
#include "import/version.hpp"

#include <limits>
#include <regex>

namespace sigprop::importer {

std::optional<Version> version_of(const std::string& text) {
  static const std::regex pattern(R"(([45])(?:\.(\d{1,4})(?:\.(\d{1,4}))?)?)");
  std::smatch parts;
  if (!std::regex_match(text, parts, pattern)) return std::nullopt;
  Version version{};
  for (std::size_t i = 0; i < version.size(); ++i)
    version[i] = parts[i + 1].matched ? std::stoi(parts[i + 1]) : std::numeric_limits<int>::max();
  return version;
}

}  // namespace sigprop::importer
