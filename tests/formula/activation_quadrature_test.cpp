// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/activation_quadrature.hpp"

#include <catch2/catch.hpp>

#include "sigprop/formula/gelu.hpp"
#include "sigprop/formula/relu.hpp"
#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"

namespace sigprop::test {
namespace {

using formula::activation_pair;
using formula::activation_single;
using formula::ActivationMoments;
using formula::Gelu;
using formula::GeluTanh;
using formula::LeakyRelu;
using formula::normal_expectation;
using formula::normal_nodes;
using formula::Silu;
using formula::SquaredRelu;
using formula::Tanh;

constexpr double quadrature_error = 1e-9;
const LeakyRelu relu{0.0};

template <class T>
std::array<T, 3> numbers(const ActivationMoments<T>& m) {
  return {m.mean, m.second_moment, m.derivative_product};
}

double normal_density(double x) {
  return std::exp(-x * x / 2) / std::sqrt(2 * scalar::pi<double>());
}

template <class Activation>
void check_derivative(const Activation& phi) {
  for (const double x : {-7.0, -2.5, -0.3, 0.4, 1.7, 6.0}) {
    const Digits50 step = 1e-12;
    const Digits50 slope = (phi.value(x + step) - phi.value(x - step)) / (2 * step);
    INFO("at " << x);
    CHECK(phi.derivative(x) == Approx(static_cast<double>(slope)).epsilon(1e-12).margin(1e-15));
  }
}

TEST_CASE("every activation's derivative is the slope of its value") {
  check_derivative(Gelu{});
  check_derivative(GeluTanh{});
  check_derivative(Silu{});
  check_derivative(formula::QuickGelu{});
  check_derivative(formula::Mish{});
  check_derivative(formula::Softplus{});
  check_derivative(formula::Sigmoid{});
  check_derivative(Tanh{});
  check_derivative(LeakyRelu{});
  check_derivative(SquaredRelu{});
}

TEST_CASE("activations have the right values at the ends") {
  CHECK(Gelu{}.value(0.0) == 0);
  CHECK(Gelu{}.value(1.0) == Approx(0.8413447460685429).epsilon(1e-14));
  CHECK(GeluTanh{}.value(1.0) == Approx(0.8411919906082768).epsilon(1e-12));
  CHECK(Silu{}.value(1.0) == Approx(0.7310585786300049).epsilon(1e-14));
  CHECK(LeakyRelu{}.value(-2.0) == -0.02);
  CHECK(SquaredRelu{}.value(-2.0) == 0);
  CHECK(SquaredRelu{}.value(3.0) == 9);
  CHECK(Silu{}.value(-1e3) == 0);
  // As PyTorch computes them.
  CHECK(formula::QuickGelu{}.value(1.0) == Approx(0.8457957659328212).epsilon(1e-14));
  CHECK(formula::Mish{}.value(1.0) == Approx(0.8650983882673103).epsilon(1e-14));
  CHECK(formula::Softplus{}.value(1.0) == Approx(1.3132616875182228).epsilon(1e-14));
  CHECK(formula::Softplus{}.value(-800.0) == 0);
  CHECK(formula::Sigmoid{}.value(1.0) == Approx(0.7310585786300049).epsilon(1e-14));
}

TEST_CASE("the nodes of a normal reproduce its moments") {
  for (const double mean : {0.0, 0.7, -30.0}) {
    for (const double sd : {1e-3, 1.0, 20.0}) {
      const double square = normal_expectation(mean, sd, [](double x) { return x * x; });
      CHECK(square == Approx(mean * mean + sd * sd).epsilon(1e-12));
    }
  }
  CHECK(normal_nodes(0.3, 0.0).size() == 1);
  CHECK(normal_expectation(0.3, 0.0, [](double x) { return x; }) == 0.3);
}

TEST_CASE("quadrature equals relu's closed form") {
  for (const double sd : {0.3, 1.0, 3.0}) {
    const double s = sd * sd;
    const auto one = activation_single(relu, 0.0, s);
    const double mean = sd / std::sqrt(2 * scalar::pi<double>());
    check_close(numbers(one), std::array{mean, s / 2, 0.5}, quadrature_error);
    for (const double r : {0.0, 0.3, 0.999, 1.0, -0.4}) {
      INFO("sd " << sd << ", r " << r);
      const std::array closed{mean, formula::relu_covariance(s, r) + mean * mean, formula::relu_derivative_product(r)};
      check_close(numbers(activation_pair(relu, 0.0, s, r)), closed, quadrature_error);
    }
  }
}

TEST_CASE("quadrature equals gelu's closed form") {
  for (const double sd : {0.3, 1.0, 3.0}) {
    const double s = sd * sd;
    check_close(numbers(activation_single(Gelu{}, 0.0, s)),
                std::array{formula::gelu_mean(s), formula::gelu_product(s, 1.0), formula::gelu_derivative_square(s)},
                quadrature_error);
    for (const double r : {0.0, 0.3, 0.999, 1.0, -0.4}) {
      INFO("sd " << sd << ", r " << r);
      const std::array closed{formula::gelu_mean(s), formula::gelu_product(s, r),
                              formula::gelu_derivative_product(s, r)};
      check_close(numbers(activation_pair(Gelu{}, 0.0, s, r)), closed, quadrature_error);
    }
  }
}

TEST_CASE("quadrature equals the closed forms of leaky and squared relu and of tanh") {
  const double s = 2.3, slope = 0.2, sd = std::sqrt(s);
  check_close(numbers(activation_single(LeakyRelu{slope}, 0.0, s)),
              std::array{(1 - slope) * sd * normal_density(0), (1 + slope * slope) * s / 2, (1 + slope * slope) / 2},
              quadrature_error);
  check_close(numbers(activation_single(SquaredRelu{}, 0.0, s)), std::array{s / 2, 3 * s * s / 2, 2 * s},
              quadrature_error);
  CHECK(std::abs(activation_single(Tanh{}, 0.0, s).mean) <= 1e-15);
}

TEST_CASE("quadrature knows a nonzero mean") {
  for (const double mean : {-1.0, 0.5, 4.0}) {
    for (const double s : {0.1, 1.0, 9.0}) {
      INFO("mean " << mean << ", variance " << s);
      const double sd = std::sqrt(s), wide = std::sqrt(1 + s);
      CHECK(relative_error(activation_single(relu, mean, s).mean,
                           mean * Gelu::normal_cdf(mean / sd) + sd * normal_density(mean / sd)) <= quadrature_error);
      CHECK(relative_error(activation_single(Gelu{}, mean, s).mean,
                           mean * Gelu::normal_cdf(mean / wide) + s / wide * normal_density(mean / wide)) <=
            quadrature_error);
    }
  }
}

TEST_CASE("a pair at r = 1 is one token twice, at r = 0 two independent ones") {
  for (const double mean : {0.0, 0.8}) {
    const auto one = activation_single(Silu{}, mean, 1.7);
    check_close(numbers(activation_pair(Silu{}, mean, 1.7, 1.0)), numbers(one), quadrature_error);
    CHECK(relative_error(activation_pair(Silu{}, mean, 1.7, 0.0).second_moment, one.mean * one.mean) <=
          quadrature_error);
  }
  check_close(numbers(activation_single(Silu{}, 0.8, 0.0)),
              std::array{Silu{}.value(0.8), std::pow(Silu{}.value(0.8), 2), std::pow(Silu{}.derivative(0.8), 2)},
              1e-14);
}

TEST_CASE("quadrature names the argument outside its domain") {
  CHECK(domain_message([] { return activation_single(Silu{}, 0.0, -1.0); }) ==
        "variance is -1, but must be at least 0");
  CHECK(domain_message([] { return activation_pair(Silu{}, 0.0, -1.0, 0.0); }) ==
        "variance is -1, but must be at least 0");
  CHECK(domain_message([] { return activation_pair(Silu{}, 0.0, 1.0, 1.1); }) ==
        "correlation r is 1.1, but must be in [-1, 1]");
}

TEST_CASE("quadrature reads alike with every scalar type") {
  const auto by_mean = []<class T>(const T& mean) { return numbers(activation_single(Silu{}, mean, T(1.3))); };
  const auto by_variance = []<class T>(const T& s) { return numbers(activation_single(GeluTanh{}, T(0.2), s)); };
  const auto kinked_by_mean = []<class T>(const T& mean) { return numbers(activation_single(relu, mean, T(1.3))); };
  check_every_scalar(by_mean, 0.4);
  check_every_scalar(by_variance, 1.3);
  check_every_scalar(kinked_by_mean, 0.4);
}

TEST_CASE("quadrature of pairs reads alike with every scalar type", "[bulk]") {
  const auto by_correlation = []<class T>(const T& r) { return numbers(activation_pair(relu, T(0), T(1.3), r)); };
  const auto by_variance = []<class T>(const T& s) {
    return numbers(activation_pair(SquaredRelu{}, T(0.1), s, T(0.4)));
  };
  check_every_scalar(by_correlation, 0.3);
  check_every_scalar(by_variance, 1.3);
}

}  // namespace
}  // namespace sigprop::test
