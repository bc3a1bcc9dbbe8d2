// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>

namespace sigprop::predict {

/// What rotary positions leave of the products of two keys j, j' as rows i, i' see them: κ(j-j'-i+i') (formula::rotary_means).
class RotaryField {
 public:
  RotaryField(Eigen::Index length, double head_width, double turned, double base);

  /// κ of a distance of up to twice the sequence.
  [[nodiscard]] double at(Eigen::Index apart) const { return factor_[apart]; }
  [[nodiscard]] Eigen::Index length() const { return length_; }

  /// Means over the keys j ≠ j' of a growing prefix.
  class Prefix {
   public:
    explicit Prefix(const RotaryField& field);

    /// One key more; begins with one.
    void grow();
    /// The mean of κ(j-j'-Δ) over the prefix, for rows Δ apart; 1 for one key.
    [[nodiscard]] double mean(Eigen::Index apart) const;

   private:
    const RotaryField& field_;
    Eigen::Index keys_ = 1;
    Eigen::VectorXd sums_;  ///< over j ≠ j', by Δ
  };

 private:
  friend class Prefix;
  /// Σ κ(t) over 0 ≤ t ≤ n, for n < 0 minus that over n < t < 0.
  [[nodiscard]] double sum_to(Eigen::Index n) const;

  Eigen::Index length_;
  Eigen::VectorXd factor_;
  Eigen::VectorXd sums_;
};

}  // namespace sigprop::predict
