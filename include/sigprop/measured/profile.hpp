// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sigprop/profile/deviations.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::measured {

/// What somebody measured of a model.
struct MeasuredProfile {
  std::vector<profile::Measurement> values;
  std::optional<std::size_t> networks;  ///< whose mean the values are, where the file says it
};

/// Reads a measured profile (docs/one-network.md): a result of `simulate`, a JSON object with any
/// part of one, or a CSV with columns of one. Places and quantities are those of `predicted`;
/// numbers that a result has beside its quantities are passed over. Throws std::runtime_error that
/// names the file, the place, the value and the cure: for a place or quantity that the model does
/// not have, and for what is no finite number.
[[nodiscard]] MeasuredProfile read_profile(std::string_view text, const std::string& file,
                                           const profile::Profile& predicted);

}  // namespace sigprop::measured
