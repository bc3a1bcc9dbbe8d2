// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/profile/profile.hpp"

namespace sigprop::profile {

/// Where a layer's gradients or scores leave their proper range: what the verdicts of a profile
/// compare with.
struct Thresholds {
  double exploding_variance = 1e4;    ///< variance after a layer over that after the first
  double exploding_gradient = 1e4;    ///< gradient variance after a layer over that at the output
  double vanishing_gradient = 1e-4;   ///< likewise
  double rank_collapse = 0.1;         ///< rank residual below which tokens count as collapsed
  double entropy_collapse = 0.1;      ///< attention entropy as a fraction of ln L
  double negligible_gradient = 1e-6;  ///< gradient norm of a weight over that of its layer's weights
};

/// Depth laws, and verdicts by the thresholds, of a profile whose points and layers are complete.
/// Growth is judged from the first layer on: what that makes of the input stands in the ratios.
/// Without tokens to compare (sequence_length 1) rank is not judged.
[[nodiscard]] Summary summarize(const Profile& profile, const Thresholds& thresholds, double sequence_length);

/// Sets the slopes of a/b, where both have some.
void set_slopes_of_ratio(const Quantity& a, const Quantity& b, Quantity& ratio);

/// a/b, by logarithms.
[[nodiscard]] Quantity ratio(const Quantity& a, const Quantity& b);

/// How far from flat: log10 of the largest factor between any two layers, in the variance or in the
/// squared gradient norm over a layer's weights, whichever is larger. The input does not count, as
/// in the depth laws, nor does a norm that a theory leaves out.
[[nodiscard]] double log10_spread(const Profile& profile);

}  // namespace sigprop::profile
