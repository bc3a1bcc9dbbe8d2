// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "sigprop/network/outline.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::simulate {

/// What one replicate yields: numbers whose mean over replicates is the quantity sought, in the
/// order of a Layout.
using Sample = std::vector<double>;

/// Where the numbers of a signal or a gradient stand in a sample, counted from its group's begin:
/// mean, second moment, token dot product, and, where there are, cross dot product, second moments
/// of the first and the last token.
struct SignalSlots {
  std::size_t begin = 0;
  std::size_t size = 0;   ///< numbers of the group, whose covariances are kept
  std::size_t cross = 0;  ///< 0 for none, like the following
  std::size_t ends = 0;
  std::size_t rank = 0;
  std::size_t tokens =
      0;  ///< place in the sample, not in the group, of every token's second moment; each a group of its own
  std::size_t gram = 0;  ///< likewise of the products of so many tokens, as profile::Forward::gram has them
  std::size_t gram_rows = 0;
};

/// Variance of the scores, entropy.
struct ScoreSlots {
  std::size_t begin = 0;
};

/// Which numbers a sample of a network has and where.
struct Layout {
  std::vector<SignalSlots> forward;                        ///< by point
  std::vector<SignalSlots> backward;                       ///< by point
  std::vector<std::optional<ScoreSlots>> attention;        ///< by layer
  std::vector<std::optional<ScoreSlots>> cross_attention;  ///< by layer
  std::vector<std::size_t> weights;  ///< squared gradient norms of all layers' weights, in their order
  std::vector<std::size_t> groups;   ///< sizes of the groups that fill a sample

  [[nodiscard]] std::size_t size() const;
};

/// What of a sample is to be chosen.
struct Wanted {
  double largest_rank = 0;
  profile::TokenLists tokens = {};
};

/// A sample leaves out cross products for a batch of one, the ends of a sequence where there is no
/// mask, and the effective rank where min(L, width) is above `largest_rank`: its eigenvalues would
/// cost more than the network.
[[nodiscard]] Layout layout_of(const network::Network& network, const network::Outline& outline, const Wanted& wanted);

}  // namespace sigprop::simulate
