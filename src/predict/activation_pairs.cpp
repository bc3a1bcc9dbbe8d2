// SPDX-License-Identifier: Apache-2.0
#include "predict/activation_pairs.hpp"

#include <algorithm>
#include <cmath>

#include "predict/curve.hpp"
#include "predict/symmetric.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using network::ActivationKind;

}  // namespace

ActivationPairs::ActivationPairs(ActivationMoments<double>& moments, ActivationKind kind, const Eigen::VectorXd& mean,
                                 const Eigen::VectorXd& variance)
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

Eigen::VectorXd ActivationPairs::means() const {
  if (kind_ == ActivationKind::identity) return mean_;
  Eigen::VectorXd out(mean_.size());
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

/// alike(r) where all tokens have one variance, else unlike(i, i', covariance).
template <class Alike, class Unlike>
MatrixXd ActivationPairs::by_pair(const MatrixXd& dots, const Alike& alike, const Unlike& unlike) const {
  const Index groups = dots.rows();
  const auto value = [&](Index i, Index m, double product) {
    return alike_ ? alike(formula::correlation(product - mean_[0] * mean_[0], variance_[0])) : unlike(i, m, product);
  };
  return over_places(
      groups, dots.cols(), [&](Index i, Index m) { return value(i, m, dots(i, m)); },
      [&](Index i) { return value(i, i, dots(i, groups)); });
}

MatrixXd ActivationPairs::from_curve(const MatrixXd& dots, double Pair::*part) const {
  const Curve curve([&](double r) { return exact(r).*part; });
  const auto alike = [&](double r) { return r < 0 ? exact(r).*part : curve(r); };
  const bool relu = kind_ == ActivationKind::relu, product = part == &Pair::product;
  return by_pair(dots, alike, [&](Index i, Index m, double covariance) {
    const double one = variance_[i], other = variance_[m], size = std::sqrt(one * other);
    const double r = formula::correlation(covariance, size);
    if (relu) return product ? formula::relu_product(size, r) : formula::relu_derivative_product(r);
    return product ? formula::gelu_product(one, other, covariance)
                   : formula::gelu_derivative_product(one, other, covariance);
  });
}

MatrixXd ActivationPairs::products(const MatrixXd& dots) const {
  return kind_ == ActivationKind::identity ? dots : from_curve(dots, &Pair::product);
}

MatrixXd ActivationPairs::derivatives(const MatrixXd& dots) const {
  if (kind_ == ActivationKind::identity) return MatrixXd::Ones(dots.rows(), dots.cols());
  return from_curve(dots, &Pair::derivative);
}

}  // namespace sigprop::predict
