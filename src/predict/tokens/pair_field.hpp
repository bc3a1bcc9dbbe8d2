// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <array>
#include <map>
#include <utility>

#include "predict/tables/head.hpp"
#include "predict/tokens/token_groups.hpp"
#include "sigprop/formula/softmax_means.hpp"

namespace sigprop::predict {

/// Softmax functionals of every pair of rows (i', i), i' ≥ i, under a causal mask, over groups of
/// tokens (token_groups.hpp); what lies above the diagonal is not set.
struct PairField {
  Eigen::MatrixXd overlap;         ///< P = E[Σ_j A_ij A_i'j]
  Eigen::MatrixXd query_jacobian;  ///< T12_q
  Eigen::MatrixXd key_jacobian;    ///< ρ T12_k
};

/// How correlations lie over pairs of rows: smoothly, so that they are interpolated with the
/// functionals, or so roughly that the functionals are tabulated over them as well, as with rotary
/// positions.
enum class Correlations { smooth, rough };

/// Fills pair fields of one sequence length and head width. Pairs of different rows are exact at 7
/// × 4 nodes, Chebyshev points in ln I and in θ = ln(M/(I+1))/ln(L/(I+1)), I and M the shorter and
/// the longer row; between them ln(P M)/v, ln[T12_q/(P (1-1/I))]/v and T12_k/T12_q - ρ are
/// interpolated. Relative error of P and of the jacobians below 5e-3 and 1e-2 up to v = 4, 1e-2 and
/// 1.5e-2 up to 16, largest where two of the first five rows meet
/// (tests/predict/causal_tables_test.cpp).
class PairFieldTable {
 public:
  PairFieldTable(TokenGroups groups, Head head) : groups_(std::move(groups)), head_(head) {}

  /// score_variance: of every row over its own keys; correlation: of the scores of two rows. Leaves
  /// the diagonal, the functionals of single rows, at 0.
  [[nodiscard]] PairField operator()(const Eigen::VectorXd& score_variance, const Eigen::MatrixXd& correlation,
                                     Correlations kind);

 private:
  /// ln(P M)/v, ln[T12_q/(P (1-1/I))]/v, T12_k/T12_q - ρ.
  using Reduced = std::array<double, 3>;

  [[nodiscard]] Reduced reduced(double v, double rho, double shared, double keys);

  TokenGroups groups_;
  Head head_;
  std::map<std::array<double, 4>, Reduced> known_;  ///< a way back meets what the way forward met
};

}  // namespace sigprop::predict
