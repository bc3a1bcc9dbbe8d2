// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/activation_pairs.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "predict/tables/curve.hpp"
#include "predict/tokens/symmetric.hpp"
#include "predict/tokens/token_groups.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using network::ActivationKind;

/// Variances whose pairs have the products of their geometric mean.
constexpr double farthest = 1.25;

/// Three nodes about an interval, and the parabola through values there. They lie on a grid as fine
/// as the interval allows, so that intervals that differ little have the same.
class Parabola {
 public:
  Parabola(double low, double high) {
    constexpr double finest = 1.0 / 64;
    double step = finest;
    while (high - low > step) step *= 2;
    const double first = std::floor(low / step) * step;
    nodes_ = {first, first + step, first + 2 * step};
  }

  [[nodiscard]] const std::array<double, 3>& nodes() const { return nodes_; }

  template <class F>
  [[nodiscard]] double operator()(double x, const F& value) const {
    double sum = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      double weight = 1;
      for (std::size_t j = 0; j < 3; ++j) {
        if (j != i) weight *= (x - nodes_[j]) / (nodes_[i] - nodes_[j]);
      }
      sum += weight * value(i);
    }
    return sum;
  }

 private:
  std::array<double, 3> nodes_{};
};

/// About the logarithms of variances.
Parabola over_logarithms(const Eigen::ArrayXd& variance) {
  return {std::log(variance.minCoeff()), std::log(variance.maxCoeff())};
}

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
  close_ = mean.isZero() && variance.maxCoeff() <= farthest * variance.minCoeff();
  if (close_) return;
  throw NotCovered(
      "behind a causal mask, an activation other than relu, gelu and identity on tokens of different variances, as "
      "without a norm before it, is not covered by this theory yet");
}

Eigen::ArrayXd ActivationPairs::means() const {
  if (kind_ == ActivationKind::identity) return mean_;
  const auto through = [&](double mean, double variance) {
    return moments_.forward(kind_, {mean, variance, variance, 0}).mean;
  };
  if (alike_) return Eigen::ArrayXd::Constant(mean_.size(), through(mean_[0], variance_[0]));
  if (close_) {
    const Parabola parabola = over_logarithms(variance_);
    std::array<double, 3> values{};
    for (std::size_t k = 0; k < values.size(); ++k) values[k] = through(0, std::exp(parabola.nodes()[k]));
    return variance_.unaryExpr(
        [&](double v) { return parabola(std::log(v), [&](std::size_t k) { return values[k]; }); });
  }
  Eigen::ArrayXd out(mean_.size());
  for (Index i = 0; i < mean_.size(); ++i) out[i] = through(mean_[i], variance_[i]);
  return out;
}

ActivationPairs::Pair ActivationPairs::exact(double variance, double r) const {
  if (kind_ == ActivationKind::gelu && mean_[0] == 0)
    return {formula::gelu_product(variance, r), formula::gelu_derivative_product(variance, r)};
  return moments_.curve(kind_, mean_[0], variance)(r);
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
  if (close_) return from_curves(covariances, part);
  const double variance = variance_[0];
  const Curve curve([&](double r) { return exact(variance, r).*part; });
  const auto alike = [&](double r) { return r < 0 ? exact(variance, r).*part : curve(r); };
  const bool relu = kind_ == ActivationKind::relu, product = part == &Pair::product;
  return by_pair(covariances, alike, [&](Index i, Index m, double covariance) {
    const double one = variance_[i], other = variance_[m], size = std::sqrt(one * other);
    const double r = formula::correlation(covariance, size);
    if (relu) return product ? formula::relu_product(size, r) : formula::relu_derivative_product(r);
    return product ? formula::gelu_product(one, other, covariance)
                   : formula::gelu_derivative_product(one, other, covariance);
  });
}

/// Of variances that differ little: curves at three of them, and the parabola in their logarithm.
MatrixXd ActivationPairs::from_curves(const MatrixXd& covariances, double Pair::*part) const {
  const Parabola parabola = over_logarithms(variance_);
  std::vector<Curve> curves;
  std::array<double, 3> variances{};
  for (std::size_t k = 0; k < variances.size(); ++k) {
    variances[k] = std::exp(parabola.nodes()[k]);
    curves.emplace_back([&](double r) { return exact(variances[k], r).*part; });
  }
  return by_pair(
      covariances, [](double) { return 0.0; },
      [&](Index i, Index m, double covariance) {
        const double size = std::sqrt(variance_[i] * variance_[m]);
        const double r = formula::correlation(covariance, size);
        return parabola(std::log(size),
                        [&](std::size_t k) { return r < 0 ? exact(variances[k], r).*part : curves[k](r); });
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
