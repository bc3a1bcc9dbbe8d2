// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>

namespace sigprop::predict {

/// What rotary positions leave of the products of two keys j, j' as rows i, i' see them:
/// κ(j-j'-i+i') (formula::rotary_means), and its sums, each in a few additions.
class RotaryField {
 public:
  RotaryField(Eigen::Index length, double head_width, double rotated, double base);

  /// κ of a distance of up to twice the sequence.
  [[nodiscard]] double at(Eigen::Index apart) const { return factor_[apart]; }
  [[nodiscard]] Eigen::Index length() const { return length_; }

  /// TokenGroups first + 1 to last, counting from 1.
  struct Range {
    Eigen::Index first;
    Eigen::Index last;
  };
  /// Σ κ(j-j') over j of the one range and j' of the other.
  [[nodiscard]] double sum(const Range& a, const Range& b) const;

  /// The mean of κ(j-j'-Δ) over keys j ≠ j' of the first `keys`, for rows Δ apart; 1 for one key.
  [[nodiscard]] double mean(Eigen::Index keys, Eigen::Index apart) const;

 private:
  /// Of Σ_t≤n Σ_s≤t κ(s), both from 0 on; below 0 continued so that differences remain sums.
  [[nodiscard]] double twice_summed(Eigen::Index n) const { return twice_summed_[n + 2 * length_ + 1]; }

  Eigen::Index length_;
  Eigen::VectorXd factor_;
  Eigen::VectorXd twice_summed_;
};

}  // namespace sigprop::predict
