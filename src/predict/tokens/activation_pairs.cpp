// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/activation_pairs.hpp"

#include <cmath>
#include <functional>
#include <sstream>

#include "predict/tables/curve.hpp"
#include "predict/tokens/symmetric.hpp"
#include "predict/tokens/token_groups.hpp"
#include "sigprop/formula/activation_function.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using network::ActivationKind;

constexpr double leaky_slope = formula::LeakyRelu{}.slope;

/// Activations that are smooth, but have no closed form.
bool needs_series(ActivationKind kind) {
  return kind == ActivationKind::silu || kind == ActivationKind::tanh || kind == ActivationKind::gelu_tanh;
}

/// How far from the real axis such an activation has its first pole.
double analytic_within(ActivationKind kind) {
  if (kind == ActivationKind::silu) return scalar::pi<double>();
  if (kind == ActivationKind::tanh) return scalar::pi<double>() / 2;
  return 2;
}

/// Its value, or its derivative.
std::function<double(double)> function_of(ActivationKind kind, bool derivative) {
  const auto of = [derivative](const auto& phi) -> std::function<double(double)> {
    if (derivative) return [phi](double x) { return phi.derivative(x); };
    return [phi](double x) { return phi.value(x); };
  };
  if (kind == ActivationKind::silu) return of(formula::Silu{});
  if (kind == ActivationKind::tanh) return of(formula::Tanh{});
  return of(formula::GeluTanh{});
}

/// Beyond such a variance the series would not end.
void require_few_coefficients(ActivationKind kind, double variance) {
  constexpr double most_squares = 45;  // of the pole's distance
  const double largest = most_squares * analytic_within(kind) * analytic_within(kind);
  if (variance <= largest) return;
  std::ostringstream out;
  out << (kind == ActivationKind::silu   ? "silu"
          : kind == ActivationKind::tanh ? "tanh"
                                         : "gelu_tanh")
      << " on tokens of different variances is not covered by this theory above a variance of " << std::floor(largest)
      << ", and one is " << variance << "; put a norm before it, or lower the standard deviations";
  throw NotCovered(out.str());
}

}  // namespace

ActivationPairs::ActivationPairs(ActivationMoments<double>& moments, ActivationKind kind, const ArrayXd& mean,
                                 const ArrayXd& variance)
    : moments_(moments),
      kind_(kind),
      mean_(mean),
      variance_(variance),
      alike_(nearly_constant(mean) && nearly_constant(variance)) {
  if (kind == ActivationKind::identity || alike_) return;
  if (needs_series(kind)) require_few_coefficients(kind, variance.maxCoeff());
  if (mean.isZero()) return;
  throw NotCovered(
      "an activation on tokens that differ and have a mean, as without a linear component before it, is not covered by "
      "this theory yet");
}

ArrayXd ActivationPairs::means() {
  if (kind_ == ActivationKind::identity) return mean_;
  if (alike_) {
    const double variance = variance_[0];
    return ArrayXd::Constant(mean_.size(), moments_.forward(kind_, {mean_[0], variance, variance, 0}).mean);
  }
  if (needs_series(kind_)) return series(&Pair::product).means();
  return variance_.unaryExpr([this](double variance) {
    const double relu = std::sqrt(variance / (2 * scalar::pi<double>()));
    switch (kind_) {
      case ActivationKind::gelu:
        return formula::gelu_mean(variance);
      case ActivationKind::squared_relu:
        return variance / 2;
      case ActivationKind::leaky_relu:
        return (1 - leaky_slope) * relu;
      default:
        return relu;
    }
  });
}

const HermitePairs& ActivationPairs::series(double Pair::*part) {
  const bool derivative = part == &Pair::derivative;
  std::optional<HermitePairs>& out = derivative ? of_slopes_ : of_values_;
  if (!out) out.emplace(function_of(kind_, derivative), analytic_within(kind_), variance_);
  return *out;
}

double ActivationPairs::closed_form(double variance, double other, double covariance, double Pair::*part) const {
  const bool product = part == &Pair::product;
  if (kind_ == ActivationKind::gelu) {
    return product ? formula::gelu_product(variance, other, covariance)
                   : formula::gelu_derivative_product(variance, other, covariance);
  }
  const double size = std::sqrt(variance) * std::sqrt(other), r = formula::correlation(covariance, size);
  switch (kind_) {
    case ActivationKind::squared_relu:
      return product ? formula::squared_relu_product(size, r) : 4 * formula::relu_product(size, r);
    case ActivationKind::leaky_relu:
      return product ? formula::leaky_relu_product(leaky_slope, size, r)
                     : formula::leaky_relu_derivative_product(leaky_slope, r);
    default:
      return product ? formula::relu_product(size, r) : formula::relu_derivative_product(r);
  }
}

/// value(i, i', covariance) of every pair.
template <class Value>
MatrixXd ActivationPairs::by_pair(const MatrixXd& covariances, const Value& value) const {
  const Index groups = covariances.rows();
  return over_groups(
      groups, covariances.cols(), [&](Index i, Index m) { return value(i, m, covariances(i, m)); },
      [&](Index i) { return value(i, i, covariances(i, groups)); });
}

double ActivationPairs::exact(double r, double Pair::*part) const {
  const double variance = variance_[0];
  if (kind_ == ActivationKind::gelu && mean_[0] == 0)
    return Pair{formula::gelu_product(variance, r), formula::gelu_derivative_product(variance, r)}.*part;
  return moments_.curve(kind_, mean_[0], variance)(r).*part;
}

MatrixXd ActivationPairs::of_alike(const MatrixXd& covariances, double Pair::*part) const {
  const Curve curve([&](double r) { return exact(r, part); });
  return by_pair(covariances, [&](Index, Index, double covariance) {
    const double r = formula::correlation(covariance, variance_[0]);
    return r < 0 ? exact(r, part) : curve(r);
  });
}

MatrixXd ActivationPairs::moments(const MatrixXd& covariances, double Pair::*part) {
  if (alike_) return of_alike(covariances, part);
  if (needs_series(kind_)) return series(part).products(covariances);
  return by_pair(covariances, [&](Index i, Index m, double covariance) {
    return closed_form(variance_[i], variance_[m], covariance, part);
  });
}

MatrixXd ActivationPairs::products(const MatrixXd& covariances) {
  if (kind_ == ActivationKind::identity) return covariances + outer(mean_, covariances.cols());
  return moments(covariances, &Pair::product);
}

MatrixXd ActivationPairs::derivatives(const MatrixXd& covariances) {
  if (kind_ == ActivationKind::identity) return MatrixXd::Ones(covariances.rows(), covariances.cols());
  return moments(covariances, &Pair::derivative);
}

}  // namespace sigprop::predict
