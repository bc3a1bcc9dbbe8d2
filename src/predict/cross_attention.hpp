// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>

#include "predict/places.hpp"
#include "predict/softmax_table.hpp"
#include "sigprop/formula/attention.hpp"

namespace sigprop::predict {

/// Gradients of cross-attention: at the queries, by pair of rows, at the encoder's output, and what of the squared norms of the weight
/// gradients follows, over B H k d.
struct CrossAttentionGradient {
  Eigen::MatrixXd query;
  Eigen::MatrixXd query_across;  ///< between two sequences
  formula::Gradient<double> memory;
  double query_weight = 0;
  double key_weight = 0;
  double value_weight = 0;
};

/// Rows that differ, as a causal mask makes them, over the exchangeable keys of an encoder: the formulas of formula::attention_forward
/// and formula::attention_backward row by row and pair by pair, rotary positions by their means. Matrices are symmetric, over groups of rows
/// (places.hpp); those between sequences are empty for a batch of one.
class CrossAttention {
 public:
  /// rows, across: token products of the signal the queries are made of, and those between two sequences.
  CrossAttention(Eigen::MatrixXd rows, Eigen::MatrixXd across, const formula::Moments<double>& memory,
                 const formula::AttentionShape<double>& shape, double batch, SoftmaxTable<double>& table,
                 const Places& places);

  /// Token products of the heads' outputs.
  [[nodiscard]] Eigen::MatrixXd output() const;
  /// Between two sequences, equal for all pairs.
  [[nodiscard]] double output_across() const;
  [[nodiscard]] double mean_score_variance() const { return places_.mean(variance_); }
  [[nodiscard]] double mean_entropy() const { return places_.mean(entropy_); }

  /// b, across: gradient products at the heads' outputs.
  [[nodiscard]] CrossAttentionGradient backward(const Eigen::MatrixXd& b, const Eigen::MatrixXd& across) const;

 private:
  void set_pairs(SoftmaxTable<double>& table);
  [[nodiscard]] Eigen::MatrixXd mixed(double own, double dot) const;
  [[nodiscard]] double keys() const { return shape_.length; }

  Places places_;
  Eigen::MatrixXd rows_;
  Eigen::MatrixXd across_;
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
