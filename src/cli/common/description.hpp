// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

/// The command line as data, read from what the commands declared: for manual and completions.
namespace sigprop::cli {

struct OptionText {
  std::vector<std::string> words;    ///< "-o", "--output"; none of a positional argument.
  std::string value;                 ///< What the value is called: "FILE"; empty for a flag.
  std::string range;                 ///< The values that a number may have: "[0 - 1000]"; or empty.
  std::vector<std::string> choices;  ///< The words that a value may be; none where it is free.
  std::string default_value;
  std::string help;
  bool attached;  ///< A flag that may have a value: --spread=covariance.
};

struct CommandText {
  std::string name;  ///< Empty for the program itself.
  std::string help;
  std::string footer;
  std::vector<OptionText> options;
};

/// The program, then every command that --help lists.
[[nodiscard]] std::vector<CommandText> described(const CLI::App& app);

[[nodiscard]] std::string joined(const std::vector<std::string>& words, const char* between);

}  // namespace sigprop::cli
