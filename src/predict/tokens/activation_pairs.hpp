// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <optional>

#include "predict/tables/activation_moments.hpp"
#include "predict/tokens/hermite_pairs.hpp"

namespace sigprop::predict {

/// An activation on tokens of their own variances: matrices over all pairs, by groups of tokens
/// (token_groups.hpp). Tokens of one mean and variance have that mean's curve over the correlation;
/// others the closed form of ReLU, its relatives and GELU, or HermitePairs. Throws NotCovered for
/// tokens that differ and have a mean.
class ActivationPairs {
 public:
  ActivationPairs(ActivationMoments<double>& moments, network::ActivationKind kind, const Eigen::ArrayXd& mean,
                  const Eigen::ArrayXd& variance);

  [[nodiscard]] Eigen::ArrayXd means();
  /// E[φ(x_i) φ(x_i')] from Cov[x_i, x_i'].
  [[nodiscard]] Eigen::MatrixXd products(const Eigen::MatrixXd& covariances);
  /// E[φ'(x_i) φ'(x_i')].
  [[nodiscard]] Eigen::MatrixXd derivatives(const Eigen::MatrixXd& covariances);

 private:
  using Pair = ActivationMoments<double>::Pair;

  /// A part of the pair moments of every pair.
  [[nodiscard]] Eigen::MatrixXd moments(const Eigen::MatrixXd& covariances, double Pair::*part);
  template <class Value>
  [[nodiscard]] Eigen::MatrixXd by_pair(const Eigen::MatrixXd& covariances, const Value& value) const;
  [[nodiscard]] Eigen::MatrixXd of_alike(const Eigen::MatrixXd& covariances, double Pair::*part) const;
  [[nodiscard]] double exact(double r, double Pair::*part) const;
  [[nodiscard]] double closed_form(double variance, double other, double covariance, double Pair::*part) const;
  [[nodiscard]] const HermitePairs& series(double Pair::*part);

  ActivationMoments<double>& moments_;
  network::ActivationKind kind_;
  Eigen::ArrayXd mean_;
  Eigen::ArrayXd variance_;
  bool alike_;  ///< all tokens have one mean and variance
  std::optional<HermitePairs> of_values_, of_slopes_;
};

}  // namespace sigprop::predict
