// SPDX-License-Identifier: Apache-2.0
// Activations on tokens of different variances, against quadratures over two normal variables.
#include "predict/tokens/activation_pairs.hpp"

#include <algorithm>
#include <array>
#include <boost/math/quadrature/gauss.hpp>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <vector>

#include "predict/tokens/hermite_pairs.hpp"
#include "sigprop/formula/activation_function.hpp"
#include "sigprop/formula/activation_quadrature.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::test {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using network::ActivationKind;
using Function = std::function<double(double)>;

const ArrayXd variances = (ArrayXd(4) << 1e-6, 1, 9, 100).finished();
constexpr std::array correlations{-0.6, 0.5, 0.99};

/// E[f(x) f(y)] of two normal variables of mean 0, by two nested quadratures on panels finer than
/// all that f has.
double by_quadrature(const Function& f, double variance, double other, double rho) {
  constexpr double reach = 9, finest = 0.3, in_units_of_f = 0.6;
  const double step = std::min(finest, in_units_of_f / std::sqrt(std::max(variance, other)));
  const int panels = static_cast<int>(std::ceil(reach / step));
  const double own = std::sqrt(other * (1 - rho * rho));
  using Rule = boost::math::quadrature::gauss<double, 10>;
  double sum = 0;
  for (int panel = -panels; panel < panels; ++panel) {
    sum += Rule::integrate(
        [&](double u) {
          return std::exp(-u * u / 2) * f(std::sqrt(variance) * u) *
                 formula::normal_expectation(rho * std::sqrt(other) * u, own, f);
        },
        panel * reach / panels, (panel + 1) * reach / panels);
  }
  return sum / std::sqrt(2 * scalar::pi<double>());
}

struct Case {
  const char* name;
  ActivationKind kind;
  Function value, derivative;
};

template <class Phi>
Case case_of(const char* name, ActivationKind kind, const Phi& phi) {
  return {name, kind, [phi](double x) { return phi.value(x); }, [phi](double x) { return phi.derivative(x); }};
}

std::vector<Case> cases() {
  return {case_of("silu", ActivationKind::silu, formula::Silu{}),
          case_of("quick_gelu", ActivationKind::quick_gelu, formula::QuickGelu{}),
          case_of("mish", ActivationKind::mish, formula::Mish{}),
          case_of("softplus", ActivationKind::softplus, formula::Softplus{}),
          case_of("sigmoid", ActivationKind::sigmoid, formula::Sigmoid{}),
          case_of("tanh", ActivationKind::tanh, formula::Tanh{}),
          case_of("gelu_tanh", ActivationKind::gelu_tanh, formula::GeluTanh{}),
          case_of("gelu", ActivationKind::gelu, formula::Gelu{}),
          case_of("relu", ActivationKind::relu, formula::LeakyRelu{0}),
          case_of("leaky_relu", ActivationKind::leaky_relu, formula::LeakyRelu{}),
          case_of("squared_relu", ActivationKind::squared_relu, formula::SquaredRelu{})};
}

MatrixXd covariances(double rho) {
  MatrixXd out = rho * variances.sqrt().matrix() * variances.sqrt().matrix().transpose();
  out.diagonal() = variances.matrix();
  return out;
}

double square(const Function& f, double variance) {
  return formula::normal_expectation(0.0, std::sqrt(variance), [&](double x) { return f(x) * f(x); });
}

void check_pairs(const char* what, const MatrixXd& actual, const Function& f, double rho) {
  constexpr double error = 1e-6;
  for (Index m = 0; m < variances.size(); ++m) {
    for (Index i = m; i < variances.size(); ++i) {
      const double expected = i == m ? square(f, variances[i]) : by_quadrature(f, variances[m], variances[i], rho);
      INFO(what << " at variances " << variances[m] << " and " << variances[i] << ", correlation " << rho << ": "
                << actual(i, m) << ", by quadrature " << expected);
      CHECK(std::abs(actual(i, m) - expected) <= error * std::sqrt(square(f, variances[m]) * square(f, variances[i])));
      CHECK(actual(i, m) == actual(m, i));
    }
  }
}

TEST_CASE("pairs of tokens of different variances through an activation are their quadratures") {
  for (const Case& activation : cases()) {
    predict::ActivationMoments<double> moments;
    predict::ActivationPairs pairs(moments, activation.kind, ArrayXd::Zero(variances.size()), variances);
    for (Index i = 0; i < variances.size(); ++i) {
      INFO(activation.name << " at variance " << variances[i]);
      CHECK(pairs.means()[i] == Approx(formula::normal_expectation(0.0, std::sqrt(variances[i]), activation.value))
                                    .epsilon(1e-8)
                                    .margin(1e-12));
    }
    for (const double rho : correlations) {
      INFO(activation.name);
      check_pairs("value", pairs.products(covariances(rho)), activation.value, rho);
      check_pairs("derivative", pairs.derivatives(covariances(rho)), activation.derivative, rho);
    }
  }
}

TEST_CASE("a pair of tokens is not one of their geometric mean") {
  const ArrayXd variance = (ArrayXd(2) << 0.2, 5).finished();
  predict::ActivationMoments<double> moments;
  predict::ActivationPairs pairs(moments, ActivationKind::silu, ArrayXd::Zero(2), variance);
  const MatrixXd covariance = MatrixXd::Constant(2, 2, 0.5);
  const double expected = by_quadrature([](double x) { return formula::Silu{}.value(x); }, 0.2, 5, 0.5);
  CHECK(pairs.products(covariance)(1, 0) == Approx(expected).epsilon(1e-6));
  CHECK(moments.curve(ActivationKind::silu, 0, 1)(0.5).product != Approx(expected).epsilon(0.05));
}

TEST_CASE("tokens of one variance, and nearly one, have the same pairs") {
  for (const ActivationKind kind :
       {ActivationKind::silu, ActivationKind::tanh, ActivationKind::gelu_tanh, ActivationKind::quick_gelu,
        ActivationKind::mish, ActivationKind::softplus, ActivationKind::sigmoid, ActivationKind::squared_relu,
        ActivationKind::leaky_relu}) {
    ArrayXd variance = ArrayXd::Constant(3, 2);
    predict::ActivationMoments<double> moments;
    predict::ActivationPairs alike(moments, kind, ArrayXd::Zero(3), variance);
    variance[1] *= 1 + 1e-9;
    predict::ActivationPairs nearly(moments, kind, ArrayXd::Zero(3), variance);
    MatrixXd covariance = MatrixXd::Constant(3, 3, 0.8);
    covariance.diagonal() = variance.matrix();
    CHECK((alike.means() - nearly.means()).abs().maxCoeff() < 1e-8);
    CHECK((alike.products(covariance) - nearly.products(covariance)).cwiseAbs().maxCoeff() < 2e-7);
    CHECK((alike.derivatives(covariance) - nearly.derivatives(covariance)).cwiseAbs().maxCoeff() < 2e-7);
  }
}

TEST_CASE("a group's own column has pairs of two of its tokens") {
  const ArrayXd variance = (ArrayXd(2) << 0.5, 3).finished();
  MatrixXd covariance(2, 3);
  covariance << 0.5, 0.2, 0.1, 0.2, 3, 2;
  const predict::HermitePairs pairs([](double x) { return formula::Tanh{}.value(x); }, scalar::pi<double>() / 2,
                                    variance);
  const MatrixXd out = pairs.products(covariance);
  const auto tanh = [](double x) { return std::tanh(x); };
  CHECK(out(0, 2) == Approx(by_quadrature(tanh, 0.5, 0.5, 0.2)).epsilon(1e-6));
  CHECK(out(1, 2) == Approx(by_quadrature(tanh, 3, 3, 2.0 / 3)).epsilon(1e-6));
}

TEST_CASE("steep activations are refused where their series would not end, and those with closed forms are not") {
  const ArrayXd variance = (ArrayXd(2) << 1, 1e3).finished();
  predict::ActivationMoments<double> moments;
  for (const ActivationKind kind : {ActivationKind::silu, ActivationKind::tanh, ActivationKind::gelu_tanh})
    CHECK_THROWS_AS(predict::ActivationPairs(moments, kind, ArrayXd::Zero(2), variance), predict::NotCovered);
  for (const ActivationKind kind : {ActivationKind::relu, ActivationKind::gelu, ActivationKind::squared_relu})
    CHECK_NOTHROW(predict::ActivationPairs(moments, kind, ArrayXd::Zero(2), variance));
  CHECK_NOTHROW(predict::ActivationPairs(moments, ActivationKind::tanh, ArrayXd::Zero(2), ArrayXd::Constant(2, 0.1)));
}

TEST_CASE("tokens that differ and have a mean are refused") {
  const ArrayXd variance = (ArrayXd(2) << 1, 2).finished();
  predict::ActivationMoments<double> moments;
  CHECK_THROWS_AS(predict::ActivationPairs(moments, ActivationKind::silu, ArrayXd::Constant(2, 0.1), variance),
                  predict::NotCovered);
  CHECK_NOTHROW(predict::ActivationPairs(moments, ActivationKind::identity, ArrayXd::Constant(2, 0.1), variance));
  CHECK_NOTHROW(
      predict::ActivationPairs(moments, ActivationKind::silu, ArrayXd::Constant(2, 0.1), ArrayXd::Constant(2, 1)));
}

}  // namespace
}  // namespace sigprop::test
