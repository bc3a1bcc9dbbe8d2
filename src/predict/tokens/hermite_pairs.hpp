// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <functional>

namespace sigprop::predict {

/// E[f(x_i) f(x_i')] for a smooth f on tokens of mean 0 and any variances s_i (Mehler's formula):
///     Σ_n ρⁿ h_n(s_i) h_n(s_i'),   h_n(s) = E[f(√s u) He_n(u)]/√n!,   u normal
/// ρ is the tokens' correlation. The coefficients fall like e^(-√(2n) w/√s) for an f that is
/// analytic within w of the real axis, so that their number grows with s/w²; what a token's own
/// moment has beyond the last of them counts as the next. The relative error stays below 1e-6 up to
/// s = 40 w²; ActivationPairs refuses more than 45 w².
class HermitePairs {
 public:
  HermitePairs(const std::function<double(double)>& f, double analytic_within, const Eigen::ArrayXd& variance);

  /// E[f(x_i)].
  [[nodiscard]] Eigen::ArrayXd means() const { return coefficients_.col(0); }
  /// Over all pairs of groups of tokens (token_groups.hpp), from Cov[x_i, x_i'].
  [[nodiscard]] Eigen::MatrixXd products(const Eigen::MatrixXd& covariances) const;

 private:
  Eigen::ArrayXd deviation_;
  Eigen::ArrayXXd coefficients_;  ///< (groups, n)
  Eigen::ArrayXd rest_;           ///< the root of what E[f(x_i)²] has beyond them
};

}  // namespace sigprop::predict
