// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sigprop/scheme/scheme.hpp"
#include "sigprop/spec/read.hpp"

namespace sigprop::spec {

/// A scheme and what its user sets of it.
struct SchemeChoice {
  std::string name;  ///< must be a known one
  scheme::Parameters parameters;
};

/// A spec with a scheme in place of its own initialization.
struct Initialized {
  ReadResult read;   ///< errors as of any spec
  std::string text;  ///< the spec with every deviation and scale written out as a number; empty where there are errors
  std::vector<std::string> notes;  ///< what a user should know: a norm that changed place, a truncated normal, ...
};

/// A spec read with some initialization in place of its own: what else is wrong with it, and its
/// network but for all deviations. A list of components has no initialization to replace: an error.
/// folder: as of read_text().
[[nodiscard]] ReadResult read_without_init(std::string_view text, const std::string& file,
                                           const std::string& folder = "");

/// Puts a scheme in place of a spec's initialization: deviations, residual scales and norm gains of
/// the spec give way to the scheme's, but an embedding's deviation where the scheme has none, and a
/// score scale of the spec's own. Unless `keep_norm`, the stack takes the norm that the scheme was
/// made for; an inner norm of its own it keeps. Errors are those of read_without_init, and those of
/// the scheme. folder: as of read_text().
[[nodiscard]] Initialized initialize(std::string_view text, const std::string& file, const SchemeChoice& choice,
                                     bool keep_norm, const std::string& folder = "");

}  // namespace sigprop::spec
