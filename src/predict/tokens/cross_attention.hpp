// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>

#include "predict/tables/softmax_table.hpp"
#include "predict/tokens/token_pairs.hpp"
#include "sigprop/formula/attention.hpp"

namespace sigprop::predict {

/// Gradients of cross-attention: at the queries, by pair of rows, at the encoder's output, and what of the squared norms of the weight
/// gradients follows, over B H k d.
struct CrossAttentionGradient {
  TokenPairs query;
  formula::Gradient<double> memory;
  double query_weight = 0;
  double key_weight = 0;
  double value_weight = 0;
};

/// Rows that differ, as a causal mask makes them, over the exchangeable keys of an encoder: the formulas of formula::attention_forward
/// and formula::attention_backward row by row and pair by pair, rotary positions by their means. Matrices are symmetric, over groups of rows
/// (token_groups.hpp); those between sequences are empty for a batch of one.
class CrossAttention {
 public:
  /// rows: token products of the signal the queries are made of.
  CrossAttention(TokenPairs rows, const formula::Moments<double>& memory, const formula::AttentionShape<double>& shape,
                 double batch, SoftmaxTable<double>& table);

  /// Token products of the heads' outputs; those across sequences are equal for all pairs.
  [[nodiscard]] TokenPairs output() const;
  [[nodiscard]] double mean_score_variance() const { return groups().mean(variance_); }
  [[nodiscard]] double mean_entropy() const { return groups().mean(entropy_); }

  /// b: gradient products at the heads' outputs.
  [[nodiscard]] CrossAttentionGradient backward(const TokenPairs& b) const;

 private:
  void set_pairs(SoftmaxTable<double>& table);
  [[nodiscard]] Eigen::MatrixXd mixed(double own, double dot) const;
  [[nodiscard]] double keys() const { return shape_.length; }

  [[nodiscard]] const TokenGroups& groups() const { return *rows_.groups; }

  TokenPairs rows_;
  formula::Moments<double> memory_;
  formula::AttentionShape<double> shape_;
  double batch_;
  formula::ScoreFactors<double> factors_;  ///< but for the queries, which differ
  Eigen::MatrixXd query_;                  ///< query products; behind a norm over their diagonal
  double key_gain_ = 0;                    ///< d w_k, over q_k behind a norm, times the score's gain
  Eigen::VectorXd variance_;
  Eigen::VectorXd entropy_;
  Eigen::VectorXd focus_;           ///< 1 - S2
  Eigen::MatrixXd overlap_;         ///< P, on the diagonal S2
  Eigen::MatrixXd query_jacobian_;  ///< T12_q, T_q
  Eigen::MatrixXd key_jacobian_;    ///< √(q_i q_i') ρ T12_k, q_i T_k
};

}  // namespace sigprop::predict
