// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "predict/spread/modes.hpp"
#include "predict/tokens/grouped_tokens.hpp"
#include "sigprop/formula/participation.hpp"

namespace sigprop::predict {

/// A signal or gradient of tokens that differ, as the spread needs it.
struct Place {
  double mean = 0;
  formula::Gradient<double> products;
  formula::Anisotropy<double> anisotropy{};  ///< of a signal
  /// n/2 times the covariance of the mode energies of n features that are independent given their
  /// matrix of products, relative to the energies: of alike tokens 1/n_a on the diagonal.
  ModeMatrix noise = ModeMatrix::Zero();
  /// The same for the product of two summands, where the place is their sum.
  ModeVector crossed = ModeVector::Zero();
};

/// Those that a walk meets: the source and the results of its components on the way forward, in
/// order, then the loss gradient and those on the way back.
struct Places {
  std::vector<Place> forward;
  std::vector<Place> backward;
};

[[nodiscard]] Places places_of(const network::Lifted<double>& network, GroupedTokens field);

}  // namespace sigprop::predict
