// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sigprop/profile/profile.hpp"

namespace sigprop::check {

/// A quantity at one place of a profile.
struct Reading {
  std::size_t layer = 0;  ///< 0 for the input
  std::string path;
  std::optional<profile::Quantity> value;  ///< absent where the theory has none
};

/// A quantity at all its places, in forward order.
using Series = std::vector<Reading>;

/// What a quantity's name stands for: a series for each weight of "weights.*.gradient_norm", else
/// one; none where the model has nothing of the kind.
[[nodiscard]] std::vector<Series> series_of(const std::string& quantity, const profile::Profile& profile);

/// Does some layer have attention?
[[nodiscard]] bool has_attention(const profile::Profile& profile);
[[nodiscard]] bool has_cross_attention(const profile::Profile& profile);
/// Has some weight a gradient in this theory that a first step must not find to be 0?
[[nodiscard]] bool has_gradients(const profile::Profile& profile);

}  // namespace sigprop::check
