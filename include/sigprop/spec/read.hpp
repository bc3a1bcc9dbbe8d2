// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sigprop/check/check.hpp"
#include "sigprop/network/stack.hpp"

namespace sigprop::spec {

/// Either a network or what is wrong with the file, never both and never neither.
struct ReadResult {
  std::optional<network::Network> network;
  /// "FILE: /json/pointer is VALUE, but must be RANGE ..." All errors of the file in its order,
  /// those across fields last.
  std::vector<std::string> errors;
  std::string checks = "[]";             ///< the spec's checks as they stand there, JSON
  std::vector<check::Check> conditions;  ///< the same, read
  std::vector<network::Stack>
      stacks;              ///< behind the network, an encoder before its decoder; none for a list of components
  double truncation = 0;   ///< where the scheme of `init` cuts its normal, in standard deviations; 0 for nowhere
  bool is_schema = false;  ///< the file is a JSON Schema, not a spec
  std::vector<std::string> files = {};  ///< that its input names
};

/// Reads a spec (docs/spec.md) from text; `file` stands in messages and, without its folder and
/// ending, names a model that has no name. In `folder` (see folder_of()) lie the files that its
/// input names. Throws nothing but std::bad_alloc.
[[nodiscard]] ReadResult read_text(std::string_view text, const std::string& file, const std::string& folder = "");

/// The folder of a path with its last /; empty where it has none, as standard input.
[[nodiscard]] std::string folder_of(const std::string& path);

/// A file's text, or what hindered reading it.
struct FileText {
  std::optional<std::string> text;
  std::string name;  ///< as messages name it: "standard input" for -
  std::vector<std::string> errors;
};

/// The text of a file; "-" reads standard input.
[[nodiscard]] FileText text_of(const std::string& path);

/// read_text of a file; "-" reads standard input. An unreadable file is an error like any other.
[[nodiscard]] ReadResult read_file(const std::string& path);

}  // namespace sigprop::spec
