// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/scheme/scheme.hpp"

/// The schemes whose values depend on what the signal has become: they ask the theory `full`.
namespace sigprop::scheme {

/// DeepScaleLM's aim without its approximations: the two matrices of every branch, equal, such that
/// the branch's output has variance 1. What the user sets is solved around. Throws NotApplicable
/// for what the theory does not cover.
[[nodiscard]] Settings deepscalelm_full(const Task& task);

/// Admin: ω_1 = 1 and ω²_{i+1} the variance of the sum ω_i x_i + f_i, branch after branch.
[[nodiscard]] Settings admin(const Task& task);

}  // namespace sigprop::scheme
