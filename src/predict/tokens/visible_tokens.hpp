// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>

#include "predict/tokens/token_groups.hpp"

namespace sigprop::predict {

/// A number for every row and every key it sees under a causal mask, group by group of tokens
/// (token_groups.hpp): lower triangular, that of one token. A group's row is its middle token's,
/// which sees `reached` tokens of its own group; on the mean so many rows of a group see one of its
/// keys.
///
/// Sums over tokens: by key, those of a group that a row sees; by row, those of a group that see a
/// key. Where a sum runs over one token of two rows, or of two keys, both must see it, or it them.
class VisibleTokens {
 public:
  explicit VisibleTokens(const TokenGroups& groups) : groups_(groups) {}

  /// u times the tokens that it stands for, in a sum over keys as in one over rows.
  [[nodiscard]] Eigen::MatrixXd counted_keys(const Eigen::MatrixXd& u) const;
  [[nodiscard]] Eigen::MatrixXd counted_rows(const Eigen::MatrixXd& u) const;

  /// Σ_j u_ij v_i'j over the keys j that both rows see.
  [[nodiscard]] Eigen::MatrixXd over_shared_keys(const Eigen::MatrixXd& u, const Eigen::MatrixXd& v) const;
  /// Σ_i u_ij v_ij' over the rows i that see both keys; on the diagonal of one key, in the column
  /// behind of two keys of one group.
  [[nodiscard]] Eigen::MatrixXd over_shared_rows(const Eigen::MatrixXd& u, const Eigen::MatrixXd& v) const;

  /// Of two tokens everywhere, and what a token has with itself beyond.
  [[nodiscard]] Eigen::MatrixXd pairs(Eigen::MatrixXd different, const Eigen::MatrixXd& shared) const;

  /// Two rows of one group: the later sees such a share of keys that the middle one does not.
  [[nodiscard]] double unseen(Eigen::Index g) const { return groups_.apart(g) / groups_.later(g); }

  /// Tokens of its own group that a row does not see, or that do not see a key.
  [[nodiscard]] double hidden(Eigen::Index g) const { return (groups_.size(g) - 1) / 2; }

 private:
  [[nodiscard]] Eigen::VectorXd hidden() const;

  const TokenGroups& groups_;
};

/// A row sees no later key: products with half the work.
[[nodiscard]] inline auto lower(const Eigen::MatrixXd& m) {
  return m.triangularView<Eigen::Lower>();
}
[[nodiscard]] inline auto transposed(const Eigen::MatrixXd& m) {
  return m.transpose().triangularView<Eigen::Upper>();
}

}  // namespace sigprop::predict
