// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/relu.hpp"

#include <catch2/catch.hpp>

#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"

namespace sigprop::test {
namespace {

using formula::Gradient;
using formula::Moments;
using formula::relu_backward;
using formula::relu_covariance;
using formula::relu_derivative_product;
using formula::relu_forward;
using formula::relu_product;

const Digits50 pi = boost::math::constants::pi<Digits50>();

/// The published covariance, written again with fifty digits.
Digits50 published_covariance(Digits50 variance, Digits50 r) {
  return variance / (2 * pi) * (pi * r + sqrt(1 - r * r) - r * acos(r) - 1);
}

Digits50 published_slope(Digits50 r) {
  return Digits50(1) / 4 + asin(r) / (2 * pi);
}

TEST_CASE("relu of independent tokens of variance 1 has the moments of half a normal") {
  const auto y = relu_forward<double>({0, 1, 0, 0});
  CHECK(y.mean == Approx(0.3989422804014327).epsilon(1e-15));
  CHECK(y.variance == Approx(0.3408450569081046).epsilon(1e-15));
  CHECK(y.covariance == Approx(0).margin(1e-16));
  CHECK(values(relu_backward<double>({1, 1, 1}, {0, 1, 0, 0})) == std::array{0.5, 0.25, 0.25});
}

TEST_CASE("relu of equal tokens has a covariance equal to its variance") {
  for (const double variance : {1e-6, 0.3, 1.0, 7.0, 1e9}) {
    const auto y = relu_forward<double>({0, variance, variance, variance});
    check_close(std::array{y.covariance, y.cross_covariance}, std::array{y.variance, y.variance}, 1e-14);
    check_close(values(relu_backward<double>({2, 2, 2}, {0, variance, variance, variance})), std::array{1.0, 1.0, 1.0},
                1e-14);
  }
}

TEST_CASE("relu of opposite tokens: never both positive") {
  CHECK(relu_derivative_product(-1.0) == Approx(0).margin(1e-16));
  CHECK(relu_covariance(1.0, -1.0) == Approx(-0.15915494309189535).epsilon(1e-14));
}

TEST_CASE(
    "the product of relus is half the variance for equal tokens, 0 for opposite ones, the squared mean for independent "
    "ones") {
  CHECK(relu_product(3.0, 1.0) == Approx(1.5).epsilon(1e-14));
  CHECK(relu_product(3.0, -1.0) == Approx(0).margin(1e-15));
  const double mean = relu_forward<double>({0, 3, 0, 0}).mean;
  CHECK(relu_product(3.0, 0.0) == Approx(mean * mean).epsilon(1e-14));
}

TEST_CASE("tokens of unlike variances have the relu product of the root of both") {
  Random random(33);
  for (int i = 0; i < 20; ++i) {
    const double one = random.log_uniform(0.1, 10), other = random.log_uniform(0.1, 10), r = random.uniform(-1, 1);
    const auto common = relu_forward<double>({0, 1, r, 0});
    const double unit = common.covariance + common.mean * common.mean;  // relu is homogeneous
    CHECK(relu_product(std::sqrt(one * other), r) == Approx(std::sqrt(one) * std::sqrt(other) * unit).epsilon(1e-12));
  }
}

TEST_CASE("relu of a signal of variance 0 is 0") {
  CHECK(values(relu_forward<double>({0, 0, 0, 0})) == std::array{0.0, 0.0, 0.0, 0.0});
}

TEST_CASE("relu names the argument outside its domain") {
  CHECK(domain_message([] {
          return relu_forward<double>({0.5, 1, 0, 0});
        }) == "relu input mean is 0.5, but must be 0 (use the quadrature for another mean)");
  CHECK(domain_message([] {
          return relu_backward<double>({1, 0, 0}, {-1, 1, 0, 0});
        }) == "relu input mean is -1, but must be 0 (use the quadrature for another mean)");
  CHECK(domain_message([] { return relu_forward<double>({0, -1, 0, 0}); }) == "variance is -1, but must be at least 0");
  CHECK(domain_message([] { return relu_covariance(1.0, 1.5); }) == "correlation r is 1.5, but must be in [-1, 1]");
  CHECK(domain_message([] { return relu_product(1.0, -1.5); }) == "correlation r is -1.5, but must be in [-1, 1]");
  CHECK(domain_message([] { return relu_derivative_product(-2.0); }) == "correlation r is -2, but must be in [-1, 1]");
}

TEST_CASE("relu equals the published formula on generated inputs") {
  Random random(31);
  for (int i = 0; i < 50; ++i) {
    const double s = random.log_uniform(1e-6, 1e6);
    const Moments<double> x{0, s, s * random.uniform(0.01, 1), s * random.uniform(-1, -0.01)};
    const Gradient<double> g{random.uniform(0.5, 2), random.uniform(0, 0.5), random.uniform(0, 0.2)};
    const Digits50 r = Digits50(x.covariance) / Digits50(s), r_cross = Digits50(x.cross_covariance) / Digits50(s);
    check_close(values(relu_forward(x)),
                std::array{Digits50(sqrt(Digits50(s)) / sqrt(2 * pi)), Digits50(s * (pi - 1) / (2 * pi)),
                           published_covariance(s, r), published_covariance(s, r_cross)},
                1e-12);
    check_close(values(relu_backward(g, x)),
                std::array{Digits50(g.variance) / 2, g.covariance * published_slope(r),
                           g.cross_covariance * published_slope(r_cross)},
                1e-12);
  }
}

TEST_CASE("relu reads alike with every scalar type") {
  const auto forward_by_variance = []<class T>(const T& s) {
    return values(relu_forward(Moments<T>{T(0), s, T(0.7), T(0.1)}));
  };
  const auto backward_by_covariance = []<class T>(const T& c) {
    return values(relu_backward(Gradient<T>{T(2), T(0.7), T(0.1)}, Moments<T>{T(0), T(2), c, T(-0.5)}));
  };
  const auto product_by_correlation = []<class T>(const T& r) { return std::array{relu_product(T(1.7), r)}; };
  check_every_scalar(forward_by_variance, 1.3);
  check_every_scalar(backward_by_covariance, 0.9);
  check_every_scalar(product_by_correlation, 0.4);
}

TEST_CASE("relu is homogeneous and keeps covariance below variance") {
  Random random(32);
  for (int i = 0; i < 50; ++i) {
    const double s = random.log_uniform(1e-3, 1e3), c = s * random.uniform(), cross = s * random.uniform(-1, 1);
    const auto y = relu_forward<double>({0, s, c, cross});
    const auto larger = relu_forward<double>({0, 4 * s, 4 * c, 4 * cross});
    CHECK(y.variance >= y.covariance);
    CHECK(larger.mean == 2 * y.mean);
    check_close(std::array{larger.variance, larger.covariance, larger.cross_covariance},
                std::array{4 * y.variance, 4 * y.covariance, 4 * y.cross_covariance}, 1e-14);
  }
}

}  // namespace
}  // namespace sigprop::test
