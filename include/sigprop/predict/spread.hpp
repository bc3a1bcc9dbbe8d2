// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "sigprop/network/network.hpp"
#include "sigprop/predict/predict.hpp"
#include "sigprop/profile/deviations.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::predict {

struct SpreadOptions {
  Options prediction = {};
  /// The input and the loss gradient are one batch, whose moments the network has; else they are
  /// drawn anew with every network.
  bool given_ends = false;
};

/// Throws NotCovered, naming what the theory of the spread leaves out: experts, cross-attention,
/// tied layers.
void require_spread_covered(const network::Network& network);

/// Sets the spread of a prediction's quantities by the theory `full`: how far one random network
/// lies from the mean over all (profile::Quantity::spread()). Of the signal its second moment,
/// variance and token correlation have one, of the gradient its variance and token correlation, of
/// attention score variance and entropy, of every weight its gradient norm. Time is linear in
/// depth.
///
/// Throws as require_spread_covered() does.
void set_spread(const network::Network& network, const SpreadOptions& options, profile::Profile& profile);

/// The deviations of the signal's second moments, the gradient's variances and the weights'
/// gradient norms, in the order of a profile. Time and memory are quadratic in depth: throws
/// NotCovered beyond 256 layers, and as set_spread() does.
[[nodiscard]] std::vector<profile::DeviationRow> deviation_rows(const network::Network& network,
                                                                const SpreadOptions& options);

}  // namespace sigprop::predict
