// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <vector>

#include "predict/activation_moments.hpp"

namespace sigprop::predict {

/// An activation on tokens of their own means and variances: matrices over all pairs, by groups of tokens (places.hpp). ReLU and GELU take tokens of any variances where
/// means are 0, the others tokens of one mean and variance, as behind a norm. Throws NotCovered else.
class ActivationPairs {
 public:
  ActivationPairs(ActivationMoments<double>& moments, network::ActivationKind kind, const Eigen::VectorXd& mean,
                  const Eigen::VectorXd& variance);

  [[nodiscard]] Eigen::VectorXd means() const;
  /// E[φ(x_i) φ(x_i')] from E[x_i x_i'].
  [[nodiscard]] Eigen::MatrixXd products(const Eigen::MatrixXd& dots) const;
  /// E[φ'(x_i) φ'(x_i')].
  [[nodiscard]] Eigen::MatrixXd derivatives(const Eigen::MatrixXd& dots) const;

 private:
  using Pair = ActivationMoments<double>::Pair;

  template <class Alike, class Unlike>
  [[nodiscard]] Eigen::MatrixXd by_pair(const Eigen::MatrixXd& dots, const Alike& alike, const Unlike& unlike) const;
  [[nodiscard]] Eigen::MatrixXd from_curve(const Eigen::MatrixXd& dots, double Pair::*part) const;
  [[nodiscard]] Pair exact(double r) const;

  ActivationMoments<double>& moments_;
  network::ActivationKind kind_;
  Eigen::VectorXd mean_;
  Eigen::VectorXd variance_;
  bool alike_;  ///< all tokens have one mean and variance
};

}  // namespace sigprop::predict
