// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <vector>

#include "predict/tables/activation_moments.hpp"

namespace sigprop::predict {

/// An activation on tokens of their own means and variances: matrices over all pairs, by groups of
/// tokens (token_groups.hpp). If the means are 0, ReLU and GELU accept tokens of any variances; the
/// others accept variances within a factor of 1.25, as after a norm with an epsilon, where a pair
/// has the products of two tokens of their geometric mean (within 0.2 % of the larger token's
/// square: the error is of second order in the variances' logarithm). Throws NotCovered otherwise.
class ActivationPairs {
 public:
  ActivationPairs(ActivationMoments<double>& moments, network::ActivationKind kind, const Eigen::ArrayXd& mean,
                  const Eigen::ArrayXd& variance);

  [[nodiscard]] Eigen::ArrayXd means() const;
  /// E[φ(x_i) φ(x_i')] from Cov[x_i, x_i'].
  [[nodiscard]] Eigen::MatrixXd products(const Eigen::MatrixXd& covariances) const;
  /// E[φ'(x_i) φ'(x_i')].
  [[nodiscard]] Eigen::MatrixXd derivatives(const Eigen::MatrixXd& covariances) const;

 private:
  using Pair = ActivationMoments<double>::Pair;

  template <class Alike, class Unlike>
  [[nodiscard]] Eigen::MatrixXd by_pair(const Eigen::MatrixXd& covariances, const Alike& alike,
                                        const Unlike& unlike) const;
  [[nodiscard]] Eigen::MatrixXd from_curve(const Eigen::MatrixXd& covariances, double Pair::*part) const;
  [[nodiscard]] Pair exact(double variance, double r) const;
  [[nodiscard]] Eigen::MatrixXd from_curves(const Eigen::MatrixXd& covariances, double Pair::*part) const;

  ActivationMoments<double>& moments_;
  network::ActivationKind kind_;
  Eigen::ArrayXd mean_;
  Eigen::ArrayXd variance_;
  bool alike_;          ///< all tokens have one mean and variance
  bool close_ = false;  ///< variances that differ little, of an activation without a closed form
};

}  // namespace sigprop::predict
