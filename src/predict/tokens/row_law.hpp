// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <vector>

#include "predict/tokens/token_groups.hpp"

namespace sigprop::predict {

/// What softmax rows make of keys that differ, over random queries and keys' weights. Without a
/// mask a row does not know which token it belongs to: two rows meet in the correlation ρ of their
/// queries alone. W, W' are their weights, J = diag W - W Wᵀ, X the keys' token products, t = Σ_j
/// W_j X_jj - W X Wᵀ, ξ = |q|²/E|q|². Matrices are over pairs of tokens, by groups
/// (token_groups.hpp).
struct RowLaw {
  /// Functions of ρ, at these nodes between which polynomials run.
  std::vector<double> nodes;
  std::vector<double> mixed;                 ///< E[W X W'ᵀ]
  std::vector<double> query;                 ///< E[Tr(J X J' X)], what a query's gradient has
  std::vector<double> key;                   ///< ρ̂ E[Tr(J X J' X)], ρ̂ of the queries drawn
  std::vector<double> shift;                 ///< E[t t']
  std::vector<Eigen::MatrixXd> weights;      ///< E[W_j W'_l]
  std::vector<Eigen::MatrixXd> key_weights;  ///< E[ρ̂ (J X J')_jl]

  /// The same of a row with itself.
  struct OneRow {
    double mixed, query, key;
    double shift;      ///< E[t²]
    double key_shift;  ///< E[ξ t²]
    Eigen::MatrixXd weights, key_weights;
  };
  OneRow one{};
  double squares = 0;  ///< E[Σ W²]
  double entropy = 0;  ///< nats

  /// What dropout on W adds, over p/(1-p).
  double lost_mixed = 0;         ///< E[Σ_j W_j² X_jj]
  double lost_query = 0;         ///< E[Σ_j W_j² X_jj (X_jj - 2 (W X)_j + W X Wᵀ)]
  double lost_key = 0;           ///< the same with ξ
  Eigen::VectorXd lost_weights;  ///< E[W_j²], by key
  Eigen::MatrixXd lost_keys;     ///< E[ξ Σ_j W_j² X_jj (e_j - W)(e_j - W)ᵀ]

  /// At a matrix of correlations, the polynomials that are 1 at one node and 0 at the others; and
  /// by them what has values at the nodes.
  [[nodiscard]] std::vector<Eigen::MatrixXd> bases(const Eigen::MatrixXd& rho) const;
  [[nodiscard]] static Eigen::MatrixXd over(const std::vector<double>& values,
                                            const std::vector<Eigen::MatrixXd>& bases);
};

/// Up to here scores count as small.
inline constexpr double largest_small_score_variance = 0.1;

/// For scores of small variance: E[W_j W'_l] = e^{ρ v K_jl}/L², K the keys centred by their mean,
/// normalized; v: score variance of a key of second moment 1. At a score variance of 0.1 jacobians
/// are 2 % above the exact ones, at 0.05 1 %.
[[nodiscard]] RowLaw small_scores(const TokenGroups& groups, const Eigen::MatrixXd& keys, double v);

/// From drawn rows, exact in the keys' structure and the head width up to what the draws leave:
/// fixed draws, so that the same keys have the same law. laws: so many are averaged, and
/// each has its part of the draws.
[[nodiscard]] RowLaw drawn_rows(const TokenGroups& groups, const Eigen::MatrixXd& keys, double v, double head_width,
                                double laws);

/// The first law where scores are small, the second where they are not, and both in between, so
/// that results are smooth.
[[nodiscard]] RowLaw row_law(const TokenGroups& groups, const Eigen::MatrixXd& keys, double v, double score_variance,
                             double head_width, double laws);

/// The mean of all numbers of laws; without the matrices over keys, which may be other ones.
[[nodiscard]] RowLaw mean_numbers(const std::vector<const RowLaw*>& laws);

/// Chebyshev–Lobatto on [0, 1].
[[nodiscard]] std::vector<double> row_law_nodes();

}  // namespace sigprop::predict
