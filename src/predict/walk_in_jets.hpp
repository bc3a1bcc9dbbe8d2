// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "predict/chained.hpp"
#include "predict/numbers.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

inline constexpr std::size_t jet_directions = 12;

/// A walk whose numbers carry derivatives: the profile's quantities have slopes, in the directions of `numbers`. No summary.
[[nodiscard]] profile::Profile walk_in_jets(const network::Network& network, const network::Outline& outline,
                                            Theory theory, const std::shared_ptr<SoftmaxTables<Few>>& tables,
                                            const Numbers<scalar::Jet<jet_directions>>& numbers);

}  // namespace sigprop::predict
