// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "predict/tables/row_table.hpp"
#include "predict/tokens/pair_field.hpp"
#include "predict/tokens/rotary_field.hpp"
#include "sigprop/formula/attention.hpp"
#include "sigprop/predict/predict.hpp"

/// Self-attention over tokens that differ, group of tokens by group (token_groups.hpp). Matrices
/// are symmetric. Under a causal mask row i sees keys 1 to i, a group's row those to its middle.
namespace sigprop::predict {

using Shape = formula::AttentionShape<double>;

/// The tables of one sequence and kind of head; that of rows is shared.
struct CausalTables {
  CausalTables(const TokenGroups& of_sequence, Head head, RowTable& of_rows)
      : groups(of_sequence), rows(of_rows), pairs(of_sequence, head) {}

  TokenGroups groups;
  RowTable& rows;
  PairFieldTable pairs;
  std::shared_ptr<const RotaryField> rotary;    ///< none without rotary positions
  std::shared_ptr<RotatedPairs> rotated_pairs;  ///< likewise
};

/// Sums of products of tokens over those that a row sees, by row.
struct PrefixSums {
  Eigen::VectorXd own;     ///< D_i, mean of X_jj over j ≤ i
  Eigen::VectorXd all;     ///< S_ii, sum of X_jj' over j, j' ≤ i
  Eigen::VectorXd spread;  ///< w_i = D_i less the mean of X_jj', j ≠ j' ≤ i; 0 for the first row
};

/// What all forms read of the input: its scores and their softmax functionals. I, M: the shorter
/// and the longer of two rows under a mask; without one, what belongs to prefixes is not set.
///
/// Scores read the keys, averages and the gradient at the weights the tokens themselves. Behind a
/// norm of the heads' keys all keys are of one size, whatever tokens are.
struct RowScores {
  RowScores(const CausalTables& tables, Eigen::MatrixXd dots, const Shape& of_attention)
      : groups(tables.groups),
        x(std::move(dots)),
        shape(of_attention),
        rotary(tables.rotary),
        rotated_pairs(tables.rotated_pairs) {}

  TokenGroups groups;
  Eigen::MatrixXd x;  ///< X_jj', token products of the input
  Shape shape;
  Eigen::MatrixXd query;       ///< d w_q X_ii' + b; behind a norm of the heads' queries over its diagonal
  Eigen::MatrixXd normed_key;  ///< X_jj' over √(size_j size_j') behind a norm of the heads' keys; else empty
  PrefixSums values;           ///< of X
  Eigen::VectorXd own;         ///< D_i of the keys
  Eigen::VectorXd spread;      ///< w_i of the keys
  Eigen::VectorXd key_spread;  ///< the same of the keys as a row sees them: w_i without rotary positions
  Eigen::VectorXd variance;    ///< v_i, of the centred scores of a row
  Eigen::VectorXd squares;     ///< S2_i
  Eigen::VectorXd entropy;     ///< nats
  Eigen::VectorXd leak;        ///< λ, formula::softmax_row_means
  PairField pair;              ///< on the diagonal S2_i, T_q,i and T_k,i
  Eigen::ArrayXd query_size;   ///< second moment of every query before its norm, with ε; else empty
  Eigen::ArrayXd key_size;     ///< of every key likewise
  std::shared_ptr<const RotaryField> rotary;
  std::shared_ptr<RotatedPairs> rotated_pairs;

  /// Products of keys over d w_k. The part of biases, which drops out of a row of keys of one size,
  /// is left out.
  [[nodiscard]] const Eigen::MatrixXd& key() const { return shape.normalized ? normed_key : x; }
  /// d w_k times the square of the score's scale times k: a product of queries times one of keys
  /// times this is a covariance of scores.
  [[nodiscard]] double key_gain() const { return shape.score_gain * shape.width * shape.key_weight; }
  /// The gradient before the norm of the queries, or of the keys, from that behind it.
  [[nodiscard]] Eigen::MatrixXd before_norm(const Eigen::ArrayXd& size, Eigen::MatrixXd gradient) const {
    if (shape.normalized) scale_pairs(size.rsqrt(), gradient);
    return gradient;
  }
  [[nodiscard]] double value_gain() const { return shape.width * shape.value_weight; }
};

/// What two rows, the first of group g or before, see of the keys they share. Without rotary
/// positions the same for all second rows.
class SharedKeys {
 public:
  explicit SharedKeys(const RowScores& scores) : scores_(scores) {}

  /// w of the keys: κ D_g less the mean of X_jj' κ(j-j'-Δ), j ≠ j' before; the second row lies in a
  /// later group h. For g = h one row.
  [[nodiscard]] double spread(Eigen::Index g, Eigen::Index h) const;
  /// For two rows of one group.
  [[nodiscard]] double spread_within(Eigen::Index g) const;
  /// κ of the distance of two keys, one in each group, or two of one group.
  [[nodiscard]] double kept(Eigen::Index g, Eigen::Index h) const;
  [[nodiscard]] double kept_within(Eigen::Index g) const;
  /// What is left of the product of two different keys: 1 without rotary positions.
  [[nodiscard]] double left(Eigen::Index g, Eigen::Index h) const;
  [[nodiscard]] double left_within(Eigen::Index g) const;

 private:
  [[nodiscard]] double rotated(Eigen::Index g, double kept, double left) const;

  const RowScores& scores_;
};

[[nodiscard]] RowScores causal_scores(const Eigen::MatrixXd& x, const Shape& shape, CausalTables& tables);

/// Gradients at the outputs of the three projections, and E‖∂loss/∂W_k‖² over B H k d.
struct CausalGradient {
  Eigen::MatrixXd value;
  Eigen::MatrixXd query;
  Eigen::MatrixXd key;
  double key_weight = 0;
};

/// The same between two sequences of a batch; keys have no part there.
struct CrossGradient {
  Eigen::MatrixXd value;
  Eigen::MatrixXd query;
  double key_weight = 0;  ///< for every other sequence
};

/// What is taken for the tokens that a row averages over.
class TokenAttention {
 public:
  virtual ~TokenAttention() = default;

  [[nodiscard]] const RowScores& scores() const { return scores_; }
  /// Takes another participation of the tokens for what comes.
  void follow(double participation) { scores_.shape.participation = participation; }
  /// The mean over rows that have any: the first under a mask has none.
  [[nodiscard]] virtual double score_variance() const {
    const double length = scores_.groups.tokens();
    return scores_.groups.mean(scores_.variance) * length / std::max(1.0, length - 1);
  }

  /// E[A X Aᵀ] with the dropout on A: for X a linear map of it without bias has its factor.
  [[nodiscard]] virtual Eigen::MatrixXd mixed() const = 0;
  /// The part of it that is a linear map of the tokens: their mean weights, and scores that follow
  /// a row's own query.
  [[nodiscard]] virtual Eigen::MatrixXd linear() const = 0;
  /// E[A X× A'ᵀ], x: token products between two sequences.
  [[nodiscard]] virtual Eigen::MatrixXd mixed_across(const Eigen::MatrixXd& x) const = 0;
  /// b: gradient products at the heads' outputs.
  [[nodiscard]] virtual CausalGradient backward(const Eigen::MatrixXd& b) const = 0;
  [[nodiscard]] virtual CrossGradient backward_across(const Eigen::MatrixXd& b, const Eigen::MatrixXd& x) const = 0;

 protected:
  explicit TokenAttention(RowScores scores) : scores_(std::move(scores)) {}

  /// p/(1-p).
  [[nodiscard]] double lost() const { return scores_.shape.dropout / (1 - scores_.shape.dropout); }

  /// Query path and key weight between two sequences, from the products b of their gradients times
  /// what two rows' attention and values have in common.
  void set_score_paths_across(const Eigen::MatrixXd& common, const Eigen::MatrixXd& x, CrossGradient& out) const;

  RowScores scores_;
};

/// Every token of a prefix stands for its mean: prefix and suffix sums only, O(G²) for G groups.
[[nodiscard]] std::unique_ptr<TokenAttention> prefix_means(RowScores scores);

/// The actual tokens of every prefix: about 20 products of (G, G) matrices, with rotary positions
/// 50 more.
[[nodiscard]] std::unique_ptr<TokenAttention> actual_prefixes(RowScores scores, RowTable& rows);

/// Without a mask: every row sees all tokens. Throws NotCovered where their second moments differ,
/// and for rotary positions and norms of heads' queries and keys. laws: see drawn_rows().
[[nodiscard]] std::unique_ptr<TokenAttention> unmasked_rows(RowScores scores, double laws);

}  // namespace sigprop::predict
