// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <memory>
#include <vector>

#include "predict/tokens/causal_attention.hpp"
#include "predict/tokens/row_law.hpp"

namespace sigprop::predict {

/// The queries of rows that see all keys. Rows of nearly one size have one law; where they differ,
/// the largest is the measure of the others.
struct RowQueries {
  Eigen::MatrixXd products;  ///< d w_q X_ii' + b
  bool alike = true;         ///< rows have one law
  double own = 0;            ///< E|q|² of a row over k, of the largest where they differ
  Eigen::VectorXd size;      ///< of every row over it
};

/// Throws NotCovered for rotary positions and norms of heads' queries and keys.
[[nodiscard]] RowQueries row_queries(const RowScores& rows);

/// The law of rows over the keys of one sequence, and what a row whose scores are 0 reads of them.
struct KeyLaw {
  RowLaw law;
  double tokens = 0;
  double own = 0;     ///< mean of X_jj
  double spread = 0;  ///< less that of two keys
};

/// The law over keys of token products x for rows of these queries. v: score variance of a key of
/// second moment 1. laws: see drawn_rows(). Throws NotCovered for sharp scores of rows that differ.
[[nodiscard]] KeyLaw key_law(const TokenGroups& keys, const Eigen::MatrixXd& x, const RowQueries& rows, double v,
                             double head_width, double laws);

/// Rows that see all keys, whose law is that of one row and of two in the correlation of their
/// queries (RowLaw). Where scores are small, the product of two queries is all that counts: then
/// rows may differ in size, and the correlation's place takes the product over that of the largest.
///
/// The keys are those of the rows' own sequence, or of others: of an encoder's several, over which
/// the rows then have the mean law.
class UnmaskedRows final : public TokenAttention {
 public:
  /// laws: over every sequence of keys.
  UnmaskedRows(RowScores rows, RowQueries queries, std::vector<std::shared_ptr<const KeyLaw>> laws);

  [[nodiscard]] double score_variance() const override { return groups().mean(scores_.variance); }
  [[nodiscard]] Eigen::MatrixXd mixed() const override { return mixed_; }
  [[nodiscard]] Eigen::MatrixXd linear() const override { return linear_; }
  /// All rows of a sequence average alike over those of another.
  [[nodiscard]] Eigen::MatrixXd mixed_across(const Eigen::MatrixXd& x) const override;
  [[nodiscard]] CausalGradient backward(const Eigen::MatrixXd& b) const override;
  [[nodiscard]] CrossGradient backward_across(const Eigen::MatrixXd& b, const Eigen::MatrixXd& x) const override;

  /// Gradients at the keys and the values of one sequence, by its groups.
  struct AtKeys {
    Eigen::MatrixXd value;
    Eigen::MatrixXd key;
  };
  /// At every sequence's, if the rows read it alone, and at the rows' queries.
  struct Gradients {
    Eigen::MatrixXd query;
    double key_weight = 0;
    std::vector<AtKeys> keys;
  };
  [[nodiscard]] Gradients gradients(const Eigen::MatrixXd& b) const;

 private:
  [[nodiscard]] const TokenGroups& groups() const { return scores_.groups; }
  void set_one_row(double one, Eigen::MatrixXd& m) const;

  RowQueries queries_;
  std::vector<std::shared_ptr<const KeyLaw>> laws_;
  KeyLaw mean_;                         ///< of the laws, without matrices
  std::vector<Eigen::MatrixXd> bases_;  ///< of a law, at the correlations of two rows' queries
  Eigen::MatrixXd shift_;               ///< E[t t']
  Eigen::MatrixXd linear_;              ///< what follows the rows' queries
  Eigen::MatrixXd mixed_;
};

}  // namespace sigprop::predict
