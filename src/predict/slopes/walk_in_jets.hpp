// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "predict/tables/chained.hpp"
#include "sigprop/network/lifted.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

inline constexpr std::size_t jet_directions = 12;
using SlopeJet = scalar::Jet<jet_directions>;

/// A walk whose numbers carry derivatives: the profile's quantities have slopes, in the directions
/// of the network's numbers. No summary.
[[nodiscard]] profile::Profile walk_in_jets(const network::Lifted<SlopeJet>& network, const network::Outline& outline,
                                            Theory theory, const std::shared_ptr<SoftmaxTables<ArgumentJet>>& tables);

}  // namespace sigprop::predict
