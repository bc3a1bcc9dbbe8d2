// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

namespace sigprop::predict {

/// The tokens of a sequence in groups within which they count as alike: each by itself, neighbours,
/// so many together as are a sixteenth of those before them and a quarter of those behind them, or
/// tokens that are exchangeable, wherever they stand.
///
/// What belongs to pairs of tokens stands in matrices over groups, on the diagonal that of a token
/// with itself. Where groups hold several tokens, one more column has what belongs to two tokens of
/// one group.
class TokenGroups {
 public:
  [[nodiscard]] static TokenGroups single(Eigen::Index length);
  [[nodiscard]] static TokenGroups grouped(Eigen::Index length);
  /// Groups that are no neighbours: that of every token, from 0 on.
  [[nodiscard]] static TokenGroups of(std::vector<Eigen::Index> group_of_token);
  /// Those of tokens of one kind, in the order in which kinds first appear.
  template <class Kind>
  [[nodiscard]] static TokenGroups by(const std::vector<Kind>& kinds) {
    std::map<Kind, Eigen::Index> numbers;
    std::vector<Eigen::Index> out;
    out.reserve(kinds.size());
    for (const Kind& kind : kinds) out.push_back(numbers.try_emplace(kind, std::ssize(numbers)).first->second);
    return of(std::move(out));
  }

  [[nodiscard]] Eigen::Index count() const { return size_.size(); }
  [[nodiscard]] Eigen::Index columns() const { return grouped_ ? count() + 1 : count(); }
  [[nodiscard]] bool are_grouped() const { return grouped_; }
  [[nodiscard]] double tokens() const { return tokens_; }
  /// Tokens of a group, odd, and those before it.
  [[nodiscard]] const Eigen::VectorXd& sizes() const { return size_; }
  [[nodiscard]] double size(Eigen::Index g) const { return size_[g]; }
  [[nodiscard]] double before(Eigen::Index g) const { return middle_[g] - reached(g); }
  /// The number, from 1, of the token in a group's middle: the keys it sees under a causal mask.
  [[nodiscard]] double middle(Eigen::Index g) const { return middle_[g]; }
  [[nodiscard]] const Eigen::VectorXd& middles() const { return middle_; }
  /// Tokens of its own group that the middle one sees.
  [[nodiscard]] double reached(Eigen::Index g) const { return (size_[g] + 1) / 2; }
  /// How far two tokens of a group lie apart on the mean, and the place of the later one where the
  /// middle is the other.
  [[nodiscard]] double apart(Eigen::Index g) const { return size_[g] / 3; }
  [[nodiscard]] double later(Eigen::Index g) const { return middle_[g] + apart(g); }

  /// The group of a token, from 0 on, where groups are no neighbours.
  [[nodiscard]] Eigen::Index of_token(Eigen::Index i) const { return group_of_token_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] bool are_neighbours() const { return group_of_token_.empty(); }
  /// The groups of the first and of the last token.
  [[nodiscard]] Eigen::Index first() const { return group_of_token_.empty() ? 0 : group_of_token_.front(); }
  [[nodiscard]] Eigen::Index last() const { return group_of_token_.empty() ? count() - 1 : group_of_token_.back(); }

  /// Products of two tokens, those of one group on the diagonal; and what a token has with itself
  /// beyond them, 0 for a group of one.
  [[nodiscard]] Eigen::MatrixXd different(const Eigen::MatrixXd& products) const;
  [[nodiscard]] Eigen::VectorXd beyond_different(const Eigen::MatrixXd& products) const;

  /// The part of every group's tokens for which, by number from 0 on, a condition holds.
  [[nodiscard]] Eigen::VectorXd part(const std::function<bool(std::size_t)>& holds) const;

  /// The mean products of pairs of groups, and of the pairs of one, from those of all tokens, row
  /// by row.
  [[nodiscard]] Eigen::MatrixXd means(const std::vector<double>& products) const;

  /// The sum over all pairs of tokens, each with itself among them.
  [[nodiscard]] double total(const Eigen::MatrixXd& products) const;
  /// The mean over tokens.
  [[nodiscard]] double mean(const Eigen::VectorXd& by_group) const { return size_.dot(by_group) / tokens_; }
  /// The mean over the pairs of different tokens; `alone` where there is one token.
  [[nodiscard]] double mean_of_pairs(const Eigen::MatrixXd& products, double alone) const;
  /// For every token what its group has, linear between the middles of groups.
  [[nodiscard]] Eigen::VectorXd spread(const Eigen::VectorXd& by_group) const;
  /// For two tokens, numbered from 1, what their groups have, or with itself a token's own; linear
  /// between the middles of groups.
  [[nodiscard]] double of_pair(const Eigen::MatrixXd& products, double i, double j) const;

 private:
  explicit TokenGroups(Eigen::VectorXd sizes);

  [[nodiscard]] std::vector<Eigen::Index> by_token() const;

  /// Of a token between the middles of two groups, the first not behind `from`: the way from the
  /// first to the second.
  struct Between {
    Eigen::Index first;
    Eigen::Index second;
    double share;
  };
  [[nodiscard]] Between between(double token, Eigen::Index from = 0) const;

  Eigen::VectorXd size_;
  Eigen::VectorXd middle_;
  std::vector<Eigen::Index> group_of_token_;  ///< empty where groups are neighbours
  double tokens_ = 0;
  bool grouped_ = false;
};

/// v_i v_i'.
[[nodiscard]] Eigen::MatrixXd outer(const Eigen::VectorXd& v, Eigen::Index columns);

/// m_ii' v_i v_i'.
void scale_pairs(const Eigen::VectorXd& v, Eigen::MatrixXd& m);

}  // namespace sigprop::predict
