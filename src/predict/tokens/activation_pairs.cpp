// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/activation_pairs.hpp"

#include <algorithm>
#include <array>
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

/// An activation that is smooth, but has no closed form.
struct Smooth {
  ActivationKind kind;
  const char* name;
  double analytic_within;  ///< how far from the real axis it has its first pole or branch
  std::function<double(double)> value, derivative;
};

template <class Phi>
Smooth smooth(ActivationKind kind, const char* name, double analytic_within, const Phi& phi) {
  return {kind, name, analytic_within, [phi](double x) { return phi.value(x); },
          [phi](double x) { return phi.derivative(x); }};
}

/// Null for the others.
const Smooth* smooth_of(ActivationKind kind) {
  const double pi = scalar::pi<double>();
  static const std::array<Smooth, 7> all = {{
      smooth(ActivationKind::gelu_tanh, "gelu_tanh", 2, formula::GeluTanh{}),
      smooth(ActivationKind::quick_gelu, "quick_gelu", pi / formula::QuickGelu::slope, formula::QuickGelu{}),
      smooth(ActivationKind::silu, "silu", pi, formula::Silu{}),
      smooth(ActivationKind::mish, "mish", 3 * pi / 4, formula::Mish{}),
      smooth(ActivationKind::softplus, "softplus", pi, formula::Softplus{}),
      smooth(ActivationKind::sigmoid, "sigmoid", pi, formula::Sigmoid{}),
      smooth(ActivationKind::tanh, "tanh", pi / 2, formula::Tanh{}),
  }};
  const auto found = std::find_if(all.begin(), all.end(), [kind](const Smooth& phi) { return phi.kind == kind; });
  return found == all.end() ? nullptr : &*found;
}

bool needs_series(ActivationKind kind) {
  return smooth_of(kind) != nullptr;
}

/// Beyond such a variance the series would not end.
void require_few_coefficients(const Smooth& phi, double variance) {
  constexpr double most_squares = 45;  // of the pole's distance
  const double largest = most_squares * phi.analytic_within * phi.analytic_within;
  if (variance <= largest) return;
  std::ostringstream out;
  out << phi.name << " on tokens of different variances is not covered by this theory above a variance of "
      << std::floor(largest) << ", and one is " << variance
      << "; put a norm before it, or lower the standard deviations";
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
  if (const Smooth* phi = smooth_of(kind)) require_few_coefficients(*phi, variance.maxCoeff());
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
  const Smooth& phi = *smooth_of(kind_);
  if (!out) out.emplace(derivative ? phi.derivative : phi.value, phi.analytic_within, variance_);
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
