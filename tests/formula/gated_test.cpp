// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/gated.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "support/every_scalar.hpp"
#include "support/random.hpp"

namespace sigprop::test {
namespace {

using formula::gated_backward;
using formula::gated_forward;
using formula::Gradient;
using formula::Moments;

Moments<double> random_moments(Random& random, bool with_mean) {
  const double s = random.log_uniform(1e-3, 1e3);
  return {with_mean ? random.normal() : 0, s, s * random.uniform(), s * random.uniform(0, 0.5)};
}

TEST_CASE("a gate that is 1 everywhere passes the value on, and its gradient") {
  const Moments<double> open{1, 0, 0, 0}, value{0, 2, 0.5, 0.25};
  CHECK(values(gated_forward(open, value)) == values(value));
  CHECK(values(gated_backward(Gradient<double>{4, 2, 1}, open)) == std::array{4.0, 2.0, 1.0});
}

TEST_CASE("a gate that is 0 everywhere passes nothing") {
  const Moments<double> closed{}, value{0, 2, 0.5, 0.25};
  CHECK(values(gated_forward(closed, value)) == std::array{0.0, 0.0, 0.0, 0.0});
  CHECK(values(gated_backward(Gradient<double>{4, 2, 1}, closed)) == std::array{0.0, 0.0, 0.0});
}

TEST_CASE("a gate multiplies by its products, its mean included") {
  const Moments<double> gate{2, 1, 0.5, 0.25}, value{0, 3, 2, 1};
  CHECK(values(gated_forward(gate, value)) == std::array{0.0, 15.0, 9.0, 4.25});
  CHECK(values(gated_backward(Gradient<double>{1, 1, 1}, gate)) == std::array{5.0, 4.5, 4.25});
}

TEST_CASE("an identity gate has the moments of a product of two normal signals") {
  Random random(301);
  for (int i = 0; i < 50; ++i) {
    const Moments<double> a = random_moments(random, false), b = random_moments(random, false);
    const auto y = gated_forward(a, b);
    check_close(values(y),
                std::array{Digits50(0), Digits50(a.variance) * Digits50(b.variance),
                           Digits50(a.covariance) * Digits50(b.covariance),
                           Digits50(a.cross_covariance) * Digits50(b.cross_covariance)},
                1e-14);
    CHECK(values(y) == values(gated_forward(b, a)));
    CHECK(y.variance >= y.covariance);
  }
}

TEST_CASE("gated equals the theory on generated inputs") {
  Random random(302);
  for (int i = 0; i < 50; ++i) {
    const Moments<double> gate = random_moments(random, true), value = random_moments(random, false);
    const Gradient<double> g{random.log_uniform(0.1, 10), random.uniform(), random.uniform()};
    const Digits50 square = Digits50(gate.mean) * Digits50(gate.mean);
    const std::array<Digits50, 3> open{Digits50(gate.variance) + square, Digits50(gate.covariance) + square,
                                       Digits50(gate.cross_covariance) + square};
    const auto y = gated_forward(gate, value);
    CHECK(y.mean == 0);
    check_close(
        std::array{y.variance, y.covariance, y.cross_covariance},
        std::array<Digits50, 3>{open[0] * value.variance, open[1] * value.covariance, open[2] * value.cross_covariance},
        1e-14);
    check_close(values(gated_backward(g, gate)),
                std::array<Digits50, 3>{g.variance * open[0], g.covariance * open[1], g.cross_covariance * open[2]},
                1e-14);
  }
}

TEST_CASE("gated throws nothing, whatever its arguments") {
  constexpr double inf = std::numeric_limits<double>::infinity();
  for (const double x : {-inf, -1.0, 0.0, inf, std::numeric_limits<double>::quiet_NaN()}) {
    const Moments<double> any{x, x, x, x};
    CHECK_NOTHROW(gated_forward(any, any));
    CHECK_NOTHROW(gated_backward(Gradient<double>{x, x, x}, any));
  }
}

TEST_CASE("gated reads alike with every scalar type") {
  const auto forward_by_mean = []<class T>(const T& mean) {
    const auto y = gated_forward(Moments<T>{mean, T(1.3), T(0.4), T(0.1)}, Moments<T>{T(0), T(2), T(0.7), T(0.2)});
    return std::array<T, 3>{y.variance, y.covariance, y.cross_covariance};
  };
  const auto backward_by_variance = []<class T>(const T& variance) {
    return values(gated_backward(Gradient<T>{T(2), T(0.7), T(0.1)}, Moments<T>{T(0.3), variance, T(0.4), T(0.1)}));
  };
  check_every_scalar(forward_by_mean, 0.6);
  check_every_scalar(backward_by_variance, 1.3);
}

}  // namespace
}  // namespace sigprop::test
