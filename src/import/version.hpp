// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <optional>
#include <string>

namespace sigprop::importer {

/// A version of the transformers library; versions compare as usual.
using Version = std::array<int, 3>;

/// With it came new initializations.
inline constexpr Version version_five{5, 0, 0};

/// "5.23.0"; what is left out is the newest, as in "5". Nothing for what is no version, or one
/// before 4 or after 5.
[[nodiscard]] std::optional<Version> version_of(const std::string& text);

}  // namespace sigprop::importer
