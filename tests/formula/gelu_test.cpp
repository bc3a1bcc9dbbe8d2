// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/gelu.hpp"

#include <catch2/catch.hpp>
#include <tuple>

#include "sigprop/formula/relu.hpp"
#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"
#include "support/reference.hpp"

namespace sigprop::test {
namespace {

using formula::gelu_backward;
using formula::gelu_derivative_product;
using formula::gelu_derivative_square;
using formula::gelu_forward;
using formula::gelu_product;
using formula::Gradient;
using formula::Moments;

/// The published formulas, written again with fifty digits; s = σ².
namespace published {

const Digits50 pi = boost::math::constants::pi<Digits50>();

Digits50 mean(const Digits50& s) {
  return sqrt(s) * sqrt(s / (1 + s)) / sqrt(2 * pi);
}

Digits50 variance(const Digits50& s) {
  const Digits50 a = s / (1 + s);
  return s / (2 * pi) * (pi - a - acos(a) + 2 * a * sqrt((1 - a) / (1 + a)));
}

Digits50 covariance(const Digits50& s, const Digits50& r) {
  const Digits50 a = s / (1 + s);
  const Digits50 root = sqrt((1 + s) * (1 + s) - r * r * s * s);
  return s / 4 * (r + 2 / pi * r * asin(r * a) + 2 / pi * s * (s * (1 - r * r) + 1 + r * r) / ((1 + s) * root)) -
         mean(s) * mean(s);
}

Digits50 gradient(const Digits50& s) {
  const Digits50 a = s / (1 + s), double_root = sqrt(1 + 2 * s);
  return Digits50(1) / 2 + (-acos(a) + a * (5 * s + 3) / (double_root * double_root * double_root)) / (2 * pi);
}

Digits50 gradient_covariance(const Digits50& s, const Digits50& r) {
  const Digits50 a = s / (1 + s);
  const Digits50 root = sqrt((1 + s) * (1 + s) - r * r * s * s);
  const Digits50 top = r * a * ((1 + s) * (2 * s + 3) - 2 * r * r * s * s);
  return Digits50(1) / 2 + (-acos(r * a) + top / (root * root * root)) / (2 * pi);
}

}  // namespace published

TEST_CASE("gelu has the golden moments") {
  const auto golden = read_reference("golden.json");
  for (const auto& entry : golden.at("gelu")) {
    const double s = entry.at("std").get<double>() * entry.at("std").get<double>();
    const auto y = gelu_forward<double>({0, s, 0, 0});
    INFO("variance " << s);
    constexpr double decimals = 1e-10;
    const double slope_decimals = s > 5 ? 1e-7 : decimals;  // the file gives seven digits there, cut off
    CHECK(y.mean == Approx(entry.at("mean").get<double>()).margin(decimals).epsilon(0));
    CHECK(y.variance == Approx(entry.at("variance").get<double>()).margin(decimals).epsilon(0));
    CHECK(gelu_derivative_square(s) ==
          Approx(entry.at("mean_square_derivative").get<double>()).margin(slope_decimals).epsilon(0));
  }
}

TEST_CASE("gelu of a signal of variance 0 is 0 and passes half the gradient") {
  CHECK(values(gelu_forward<double>({0, 0, 0, 0})) == std::array{0.0, 0.0, 0.0, 0.0});
  check_close(values(gelu_backward<double>({4, 2, 1}, {0, 0, 0, 0})), std::array{1.0, 0.5, 0.25}, 1e-15);
}

TEST_CASE("gelu of equal tokens has a covariance equal to its variance, in the gradient too") {
  for (const double s : {1e-6, 0.3, 1.0, 7.0, 1e9, 1e200}) {
    const auto y = gelu_forward<double>({0, s, s, s});
    check_close(std::array{y.covariance, y.cross_covariance}, std::array{y.variance, y.variance}, 1e-12);
    const auto g = gelu_backward<double>({2, 2, 2}, {0, s, s, s});
    check_close(std::array{g.covariance, g.cross_covariance}, std::array{g.variance, g.variance}, 1e-12);
  }
}

TEST_CASE("gelu of opposite tokens has products that fade beside the variance as it grows") {
  for (const double s : {1e4, 1e12, 1e200}) {
    INFO("variance " << s);
    CHECK(std::abs(gelu_product(s, -1.0)) <= 1e-3 * s);
    CHECK(std::abs(gelu_derivative_product(s, -1.0)) <= 1e-2);
  }
}

TEST_CASE("gelu of independent tokens has covariance 0") {
  for (const double s : {0.01, 1.0, 100.0}) {
    const auto y = gelu_forward<double>({0, s, 0, 0});
    CHECK(y.covariance == Approx(0).margin(1e-15 * y.variance));
  }
}

/// E[f(x) f(y)] for jointly normal x, y by a trapezoid rule in both, which converges exponentially.
template <class F>
double by_trapezoid(double s, double other, double c, const F& f) {
  const double step = 0.05, reach = 9;
  const double sd = std::sqrt(s), slope = c / sd, rest = std::sqrt(other - slope * slope);
  double sum = 0;
  for (double z = -reach; z <= reach; z += step) {
    for (double w = -reach; w <= reach; w += step)
      sum += std::exp(-(z * z + w * w) / 2) * f(sd * z) * f(slope * z + rest * w);
  }
  return sum * step * step / (2 * scalar::pi<double>());
}

double below(double x) {
  return std::erfc(-x / std::sqrt(2.0)) / 2;
}

TEST_CASE("gelu of tokens of unlike variances has the products of the integral over both") {
  const auto value = [](double x) { return x * below(x); };
  const auto slope = [](double x) { return below(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * scalar::pi<double>()); };
  for (const auto& [s, other, r] : {std::tuple{0.5, 3.0, 0.4}, {2.0, 0.1, -0.7}, {1.0, 6.0, 0.95}, {0.3, 0.3, 0.0}}) {
    INFO("variances " << s << ", " << other << ", correlation " << r);
    const double c = r * std::sqrt(s * other);
    CHECK(gelu_product(s, other, c) == Approx(by_trapezoid(s, other, c, value)).epsilon(1e-10).margin(1e-12));
    CHECK(gelu_derivative_product(s, other, c) == Approx(by_trapezoid(s, other, c, slope)).epsilon(1e-10));
  }
}

TEST_CASE("gelu of tokens of one variance has the same products by either formula, however large") {
  for (const double s : {1e-6, 0.3, 1.0, 7.0, 1e9, 1e100}) {
    for (const double r : {-1.0, -0.4, 0.0, 0.7, 1.0}) {
      INFO("variance " << s << ", correlation " << r);
      CHECK(gelu_product(s, s, r * s) == Approx(gelu_product(s, r)).epsilon(1e-11).margin(1e-15 * s));
      CHECK(gelu_derivative_product(s, s, r * s) == Approx(gelu_derivative_product(s, r)).epsilon(1e-11).margin(1e-11));
    }
  }
}

TEST_CASE("gelu of two tokens does not tell which is first, and one of variance 0 leaves nothing") {
  CHECK(gelu_product(0.4, 3.0, 0.7) == Approx(gelu_product(3.0, 0.4, 0.7)).epsilon(1e-15));
  CHECK(gelu_derivative_product(0.4, 3.0, 0.7) == Approx(gelu_derivative_product(3.0, 0.4, 0.7)).epsilon(1e-15));
  CHECK(gelu_product(0.0, 3.0, 0.0) == 0);
  CHECK(gelu_derivative_product(0.0, 3.0, 0.0) == 0.25);
}

TEST_CASE("gelu names the argument outside its domain") {
  CHECK(domain_message([] {
          return gelu_forward<double>({0.5, 1, 0, 0});
        }) == "gelu input mean is 0.5, but must be 0 (use the quadrature for another mean)");
  CHECK(domain_message([] {
          return gelu_backward<double>({1, 0, 0}, {-1, 1, 0, 0});
        }) == "gelu input mean is -1, but must be 0 (use the quadrature for another mean)");
  CHECK(domain_message([] { return gelu_forward<double>({0, -1, 0, 0}); }) == "variance is -1, but must be at least 0");
  CHECK(domain_message([] { return gelu_product(1.0, 1.5); }) == "correlation r is 1.5, but must be in [-1, 1]");
  CHECK(domain_message([] { return gelu_derivative_product(1.0, -2.0); }) ==
        "correlation r is -2, but must be in [-1, 1]");
}

TEST_CASE("gelu equals the published formula on generated inputs") {
  Random random(41);
  for (int i = 0; i < 50; ++i) {
    const double s = random.log_uniform(1e-2, 1e3);
    const Moments<double> x{0, s, s * random.uniform(0.05, 1), s * random.uniform(-1, -0.05)};
    const Gradient<double> g{random.uniform(0.5, 2), random.uniform(0, 0.5), random.uniform(0, 0.2)};
    const Digits50 r = Digits50(x.covariance) / Digits50(s), r_cross = Digits50(x.cross_covariance) / Digits50(s);
    check_close(values(gelu_forward(x)),
                std::array{published::mean(s), published::variance(s), published::covariance(s, r),
                           published::covariance(s, r_cross)},
                1e-12);
    check_close(values(gelu_backward(g, x)),
                std::array{g.variance * published::gradient(s), g.covariance * published::gradient_covariance(s, r),
                           g.cross_covariance * published::gradient_covariance(s, r_cross)},
                1e-12);
  }
}

TEST_CASE("gelu reads alike with every scalar type") {
  const auto forward_by_variance = []<class T>(const T& s) {
    return values(gelu_forward(Moments<T>{T(0), s, T(0.7), T(0.1)}));
  };
  const auto backward_by_covariance = []<class T>(const T& c) {
    return values(gelu_backward(Gradient<T>{T(2), T(0.7), T(0.1)}, Moments<T>{T(0), T(2), c, T(-0.5)}));
  };
  const auto pair_by_covariance = []<class T>(const T& c) {
    return std::array{gelu_product(T(2), T(0.6), c), gelu_derivative_product(T(2), T(0.6), c)};
  };
  const auto pair_by_variance = []<class T>(const T& s) {
    return std::array{gelu_product(T(2), s, T(0.3)), gelu_derivative_product(T(2), s, T(0.3))};
  };
  check_every_scalar(forward_by_variance, 1.3);
  check_every_scalar(backward_by_covariance, 0.9);
  check_every_scalar(pair_by_covariance, 0.4);
  check_every_scalar(pair_by_variance, 0.9);
}

TEST_CASE("gelu becomes relu for large variance and half the identity for small") {
  const double large = 1e10, small = 1e-10;
  const auto wide = gelu_forward<double>({0, large, 0.3 * large, 0});
  const auto relu = formula::relu_forward<double>({0, large, 0.3 * large, 0});
  check_close(std::array{wide.mean, wide.variance, wide.covariance},
              std::array{relu.mean, relu.variance, relu.covariance}, 1e-9);
  const auto narrow = gelu_forward<double>({0, small, 0.3 * small, 0});
  check_close(std::array{narrow.variance, narrow.covariance}, std::array{small / 4, 0.3 * small / 4}, 1e-9);
}

TEST_CASE("gelu keeps covariance below variance, forward and backward") {
  Random random(42);
  for (int i = 0; i < 100; ++i) {
    const double s = random.log_uniform(1e-3, 1e3), c = s * random.uniform(-1, 1);
    const auto y = gelu_forward<double>({0, s, c, c});
    CHECK(y.variance >= std::abs(y.covariance));
    CHECK(gelu_derivative_square(s) >= std::abs(gelu_derivative_product(s, c / s)));
  }
}

}  // namespace
}  // namespace sigprop::test
