// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>
#include <string_view>

#include "sigprop/profile/profile.hpp"

/// What a profile's table, its plot and its page have in common.
namespace sigprop::report {

/// "encoder" of "encoder/layer 3/ffn"; empty in a model of one stack.
[[nodiscard]] std::string_view stack_of(std::string_view path);

/// The path without its stack: "layer 3/ffn".
[[nodiscard]] std::string in_stack(const std::string& path);

/// Laws of depth in words, with the ratio of the last layer to the first: of the variance, of the
/// gradient's.
[[nodiscard]] std::string forward_sentence(const profile::Summary& summary);
[[nodiscard]] std::string backward_sentence(const profile::Summary& summary);

/// "exploding gradient at layer 1/ffn: 1.2e+05 passes the threshold 1e+04".
[[nodiscard]] std::string verdict_sentence(const profile::Verdict& verdict);

inline constexpr const char* no_verdict = "no threshold passed";

/// Name, theory and depth, and an empty line.
void write_title(std::ostream& out, const profile::Profile& profile);

/// Behind an empty line the depth laws and verdicts.
void write_summary(std::ostream& out, const profile::Profile& profile);

}  // namespace sigprop::report
