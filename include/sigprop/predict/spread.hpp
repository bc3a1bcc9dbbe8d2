// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
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

/// How far one random network lies from the mean over all, by the theory `full`.
class Spread {
 public:
  /// Throws as require_spread_covered() does.
  Spread(const network::Network& network, const SpreadOptions& options);
  ~Spread();
  Spread(const Spread&) = delete;
  Spread& operator=(const Spread&) = delete;

  /// Sets the spread of a prediction's quantities (profile::Quantity::spread()): the second moment,
  /// variance and token correlation of the signal, the variance and token correlation of the
  /// gradient, score variance and entropy of attention, and every weight's gradient norm. Time is
  /// linear in depth.
  void set(profile::Profile& profile) const;

  /// The deviations of the signal's second moments, the gradient's variances and the weights'
  /// gradient norms, in the order of a profile. Time and memory are quadratic in depth: throws
  /// NotCovered beyond 256 layers.
  [[nodiscard]] std::vector<profile::DeviationRow> rows() const;

 private:
  struct Model;
  std::unique_ptr<const Model> model_;
};

}  // namespace sigprop::predict
