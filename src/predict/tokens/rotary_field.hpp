// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "predict/tokens/token_groups.hpp"

namespace sigprop::predict {

/// What rotary positions leave of the products of two keys j, j' as rows i, i' see them:
/// κ(j-j'-i+i') (formula::rotary_means), and its sums, each in a few additions.
class RotaryField {
 public:
  RotaryField(Eigen::Index length, double head_width, double rotated, double base);

  /// κ of a distance of up to twice the sequence.
  [[nodiscard]] double at(Eigen::Index apart) const { return factor_[apart]; }
  [[nodiscard]] Eigen::Index length() const { return length_; }

  /// Tokens first + 1 to last, counting from 1.
  struct Range {
    Eigen::Index first;
    Eigen::Index last;
  };
  /// Σ κ(j-j') over j of the one range and j' of the other.
  [[nodiscard]] double sum(const Range& a, const Range& b) const;

  /// The mean of κ(j-j'-Δ) over keys j ≠ j' of the first `keys`, for rows Δ apart; 1 for one key.
  [[nodiscard]] double mean(Eigen::Index keys, Eigen::Index apart) const;

 private:
  /// Σ_t≤n Σ_s≤t κ(s), both from 0 on, continued below 0 so that differences remain sums.
  [[nodiscard]] double twice_summed(Eigen::Index n) const { return twice_summed_[n + 2 * length_ + 1]; }

  Eigen::Index length_;
  Eigen::VectorXd factor_;
  Eigen::VectorXd twice_summed_;
};

/// What rotary positions leave of the products of two keys of groups, for rows at a few distances
/// from each other: 0, 1, 2, 4, 7 and so on, by half and later by twice as much, up to the
/// sequence's length.
class RotatedPairs {
 public:
  RotatedPairs(const RotaryField& field, const TokenGroups& groups);

  [[nodiscard]] std::size_t count() const { return kept_.size(); }
  /// κ(j - j' - Δ) of key j and key j', by their groups, at the n-th distance Δ: the mean over the
  /// tokens of both; on the diagonal of a token with itself, in a further column of two tokens of
  /// one group.
  [[nodiscard]] const Eigen::MatrixXd& kept(std::size_t n) const { return kept_[n]; }

  /// The n-th distance's weight where x is ln(1 + Δ) of the rows' distance: linear in it to the
  /// neighbours'.
  [[nodiscard]] double weight(std::size_t n, double x) const {
    if (x < apart_[n]) return n == 0 ? 1 : std::max(0.0, (x - apart_[n - 1]) / (apart_[n] - apart_[n - 1]));
    return n + 1 == apart_.size() ? 1 : std::max(0.0, (apart_[n + 1] - x) / (apart_[n + 1] - apart_[n]));
  }

  /// What compute() gave for these numbers: a way back meets what the way forward met. Of a deep
  /// model only the last layers are kept. Good until the next call.
  using Key = std::array<double, 4>;
  template <class F>
  [[nodiscard]] const Eigen::MatrixXd& known(const Key& key, const F& compute) {
    constexpr std::size_t most_numbers = 4'000'000;
    const auto found = known_.find(key);
    if (found != known_.end()) return found->second;
    Eigen::MatrixXd made = compute();
    const std::size_t most = most_numbers / static_cast<std::size_t>(made.size()) + 1;
    if (order_.size() >= most) {
      known_.erase(order_.front());
      order_.pop_front();
    }
    order_.push_back(key);
    return known_.emplace(key, std::move(made)).first->second;
  }

 private:
  std::vector<double> apart_;  ///< ln(1 + Δ)
  std::vector<Eigen::MatrixXd> kept_;
  std::map<Key, Eigen::MatrixXd> known_;
  std::deque<Key> order_;  ///< of known_, the oldest first
};

}  // namespace sigprop::predict
