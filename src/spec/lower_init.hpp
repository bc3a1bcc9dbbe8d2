// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/scheme/scheme.hpp"
#include "spec/rule.hpp"

namespace sigprop::spec {

/// One number, or one of `values`, for each of `wanted` places; `what` names a place in the
/// message.
[[nodiscard]] std::vector<double> one_or_each(const Json& json, std::size_t wanted, const std::string& pointer,
                                              const std::string& what, std::vector<std::string>& errors);

/// How an error begins that says a scheme has no rule for a model.
[[nodiscard]] std::string does_not_fit(const std::string& scheme);

/// What the spec's `init` sets in the task's stack, "stack", "encoder" or "decoder": the scheme's
/// settings, its deviations replaced by those of `std`, and these by the stack's own. The scheme is
/// not asked where the spec already has errors.
[[nodiscard]] scheme::Settings lower_init(const Json& spec, const std::string& stack, scheme::Task task,
                                          std::vector<std::string>& errors);

}  // namespace sigprop::spec
