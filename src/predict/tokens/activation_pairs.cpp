// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/activation_pairs.hpp"

#include <algorithm>
#include <cmath>

#include "predict/tables/curve.hpp"
#include "predict/tokens/symmetric.hpp"
#include "predict/tokens/token_groups.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using network::ActivationKind;

}  // namespace

ActivationPairs::ActivationPairs(ActivationMoments<double>& moments, ActivationKind kind, const Eigen::ArrayXd& mean,
                                 const Eigen::ArrayXd& variance)
    : moments_(moments),
      kind_(kind),
      mean_(mean),
      variance_(variance),
      alike_(nearly_constant(mean) && nearly_constant(variance)) {
  const bool any_variance = kind == ActivationKind::relu || kind == ActivationKind::gelu;
  if (kind == ActivationKind::identity || alike_ || (any_variance && mean.isZero())) return;
  throw NotCovered(
      "behind a causal mask, an activation other than relu, gelu and identity on tokens of different variances, as "
      "without a norm before it, is not covered by this theory yet");
}

Eigen::ArrayXd ActivationPairs::means() const {
  if (kind_ == ActivationKind::identity) return mean_;
  Eigen::ArrayXd out(mean_.size());
  for (Index i = 0; i < mean_.size(); ++i) {
    out[i] = i > 0 && alike_ ? out[0] : moments_.forward(kind_, {mean_[i], variance_[i], variance_[i], 0}).mean;
  }
  return out;
}

ActivationPairs::Pair ActivationPairs::exact(double r) const {
  if (kind_ == ActivationKind::gelu && mean_[0] == 0)
    return {formula::gelu_product(variance_[0], r), formula::gelu_derivative_product(variance_[0], r)};
  return moments_.curve(kind_, mean_[0], variance_[0])(r);
}

/// alike(r) where all tokens have one mean and variance, else unlike(i, i', covariance).
template <class Alike, class Unlike>
MatrixXd ActivationPairs::by_pair(const MatrixXd& covariances, const Alike& alike, const Unlike& unlike) const {
  const Index groups = covariances.rows();
  const auto value = [&](Index i, Index m, double covariance) {
    return alike_ ? alike(formula::correlation(covariance, variance_[0])) : unlike(i, m, covariance);
  };
  return over_groups(
      groups, covariances.cols(), [&](Index i, Index m) { return value(i, m, covariances(i, m)); },
      [&](Index i) { return value(i, i, covariances(i, groups)); });
}

MatrixXd ActivationPairs::from_curve(const MatrixXd& covariances, double Pair::*part) const {
  const Curve curve([&](double r) { return exact(r).*part; });
  const auto alike = [&](double r) { return r < 0 ? exact(r).*part : curve(r); };
  const bool relu = kind_ == ActivationKind::relu, product = part == &Pair::product;
  return by_pair(covariances, alike, [&](Index i, Index m, double covariance) {
    const double one = variance_[i], other = variance_[m], size = std::sqrt(one * other);
    const double r = formula::correlation(covariance, size);
    if (relu) return product ? formula::relu_product(size, r) : formula::relu_derivative_product(r);
    return product ? formula::gelu_product(one, other, covariance)
                   : formula::gelu_derivative_product(one, other, covariance);
  });
}

MatrixXd ActivationPairs::products(const MatrixXd& covariances) const {
  if (kind_ == ActivationKind::identity) return covariances + outer(mean_, covariances.cols());
  return from_curve(covariances, &Pair::product);
}

MatrixXd ActivationPairs::derivatives(const MatrixXd& covariances) const {
  if (kind_ == ActivationKind::identity) return MatrixXd::Ones(covariances.rows(), covariances.cols());
  return from_curve(covariances, &Pair::derivative);
}

}  // namespace sigprop::predict
