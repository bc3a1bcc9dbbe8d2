// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>

namespace sigprop::profile {

/// Where a run of equal layers leads: a layer as a map of the second moment q and of r = c/q, the
/// correlation of its token products. For a signal of mean 0 these are variance and token
/// correlation.
struct LayerRecursion {
  enum class Kind {
    resets,   ///< q' = C(r)
    settles,  ///< q' = A q + C(r), 0 < A < 1
    adds,     ///< A = 1
    grows,    ///< A > 1
    scales,   ///< q' = G(r) q
    other     ///< none of these, or not the same from the first layer to the last
  };

  /// An eigenvalue of the gradient's map of (γ², η) back through one of the layers, where the
  /// signal is as it is after many of them.
  struct Mode {
    double growth = 1;                  ///< per layer
    std::optional<double> correlation;  ///< η/γ² of its eigenvector, if a gradient can have it: from -1/(L - 1) to 1
    std::optional<double> exponent;     ///< where layers add: after layer l it is in proportion to l^-exponent
  };

  std::string first;  ///< paths of the first and the last layer
  std::string last;
  std::size_t layers = 0;
  Kind kind = Kind::other;
  double gain = 0;               ///< A; of layers that scale G(r), after many of them
  double start_correlation = 0;  ///< r before the first of the layers
  double end_correlation = 0;    ///< r after the last

  std::optional<double> correlation;  ///< r*, to which r goes; none where layers do not lead to one
  /// The factor per layer by which the distance from r* changes; where layers add, the slope at r*
  /// of the r of what is added.
  double shrinking = 0;
  double increment = 0;         ///< C(r*)
  double growth = 1;            ///< q'/q, after many layers; where they lead to no state, after the last of them
  std::optional<double> limit;  ///< of q
  std::array<Mode, 2> modes;    ///< the one that grows more first
};

}  // namespace sigprop::profile
