// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sigprop/network/network.hpp"

namespace sigprop::spec {

/// Either a network or what is wrong with the file, never both and never neither.
struct ReadResult {
  std::optional<network::Network> network;
  /// "FILE: /json/pointer is VALUE, but must be RANGE ..." All errors of the file in its order, those across fields last.
  std::vector<std::string> errors;
  std::string checks = "[]";  ///< the spec's checks as they stand there, JSON
};

/// Reads a spec (docs/spec.md) from text; `file` stands in messages and, without its folder and ending, names a model that has no name.
/// Throws nothing but std::bad_alloc.
[[nodiscard]] ReadResult read_text(std::string_view text, const std::string& file);

/// What a file holds; "-" is standard input. Nothing, with the error "PATH: cannot be read: ...", where it cannot be read.
[[nodiscard]] std::optional<std::string> file_text(const std::string& path, std::vector<std::string>& errors);

/// The same from a file; "-" reads standard input. An unreadable file is an error like any other.
[[nodiscard]] ReadResult read_file(const std::string& path);

}  // namespace sigprop::spec
