// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "scheme/rules.hpp"

/// DeepScaleLM: weights by token correlation and dropout such that every residual branch has
/// variance 1, and residual scales λ² = 1 - β², β² = k/N^α that keep the sum there
/// (arXiv:2403.09635).
namespace sigprop::scheme {

/// Throws NotApplicable for layers whose attention and FFN share one branch.
void require_single_functions(const Task& task, const std::string& scheme);

/// β² of the task's parameters k, alpha and branches. Throws NotApplicable above 1.
[[nodiscard]] double branch_share(const Task& task);

/// Standard deviation of embedding tables whose sum has variance 1 after the input's dropout; none
/// without tables.
[[nodiscard]] std::optional<double> unit_embedding(const Task& task);

/// Dropout of the input, 0 for none.
[[nodiscard]] double input_dropout(const Task& task);

/// The authors' recursion for the token correlation r, with their formulas for ReLU.
[[nodiscard]] Settings deepscalelm(const Task& task);

}  // namespace sigprop::scheme
