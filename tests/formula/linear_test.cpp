// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/linear.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"

namespace sigprop::test {
namespace {

using formula::Gradient;
using formula::linear_backward;
using formula::linear_forward;
using formula::Moments;
using formula::weight_gradient;

/// The published rows of the table, written again with fifty digits.
std::array<Digits50, 4> published_forward(const Moments<double>& x, double fan_in, double w, double b) {
  const Digits50 mean = x.mean, gain = Digits50(fan_in) * Digits50(w);
  const Digits50 q = Digits50(x.variance) + mean * mean;
  const Digits50 c = Digits50(x.covariance) + mean * mean;
  const Digits50 cross = Digits50(x.cross_covariance) + mean * mean;
  return {0, gain * q + Digits50(b), gain * c + Digits50(b), gain * cross + Digits50(b)};
}

Digits50 published_weight_gradient(const Moments<Digits50>& x, const Gradient<Digits50>& g, Digits50 in, Digits50 out,
                                   Digits50 B, Digits50 L) {
  const Digits50 square = x.mean * x.mean;
  return in * out *
         (B * L * (x.variance + square) * g.variance + B * L * (L - 1) * (x.covariance + square) * g.covariance +
          B * (B - 1) * L * L * (x.cross_covariance + square) * g.cross_covariance);
}

TEST_CASE("linear with weight variance 1/fan-in passes the second moment on and adds the bias variance") {
  const auto y = linear_forward<double>({0.5, 2, 0.25, 0.125}, 4, 0.25, 0.5);
  check_close(values(y), std::array{0.0, 2.75, 1.0, 0.875}, 1e-15);
}

TEST_CASE("linear with weights of variance 0 leaves the bias alone") {
  check_close(values(linear_forward<double>({1, 1, 1, 1}, 8, 0, 0.5)), std::array{0.0, 0.5, 0.5, 0.5}, 0);
  check_close(values(linear_backward<double>({1, 1, 1}, 8, 0)), std::array{0.0, 0.0, 0.0}, 0);
}

TEST_CASE("the weight gradient of one token of one sequence is the product of two norms") {
  CHECK(weight_gradient<double>({0, 2, 9, 9}, {3, 9, 9}, 5, 7, 1, 1) == 5 * 7 * 2 * 3);
}

TEST_CASE("linear names the argument outside its domain") {
  const Moments<double> x{0, 1, 0, 0};
  const Gradient<double> g{1, 0, 0};
  CHECK(domain_message([&] { return linear_forward(x, 0.5, 1.0, 0.0); }) == "fan-in is 0.5, but must be at least 1");
  CHECK(domain_message([&] { return linear_forward(x, 2.0, -1.0, 0.0); }) ==
        "weight variance is -1, but must be at least 0");
  CHECK(domain_message([&] { return linear_forward(x, 2.0, 1.0, -0.1); }) ==
        "bias variance is -0.1, but must be at least 0");
  CHECK(domain_message([&] { return linear_backward(g, 0.0, 1.0); }) == "fan-out is 0, but must be at least 1");
  CHECK(domain_message([&] { return linear_backward(g, 2.0, -3.0); }) ==
        "weight variance is -3, but must be at least 0");
  CHECK(domain_message([&] { return weight_gradient(x, g, 0.0, 1.0, 1.0, 1.0); }) ==
        "fan-in is 0, but must be at least 1");
  CHECK(domain_message([&] { return weight_gradient(x, g, 1.0, 0.0, 1.0, 1.0); }) ==
        "fan-out is 0, but must be at least 1");
  CHECK(domain_message([&] { return weight_gradient(x, g, 1.0, 1.0, 0.0, 1.0); }) ==
        "batch is 0, but must be at least 1");
  CHECK(domain_message([&] { return weight_gradient(x, g, 1.0, 1.0, 1.0, 0.0); }) ==
        "sequence length is 0, but must be at least 1");
  const double no_number = std::numeric_limits<double>::quiet_NaN();
  CHECK(domain_message([&] { return linear_forward(x, 2.0, no_number, 0.0); }) ==
        "weight variance is nan, but must be at least 0");
}

TEST_CASE("linear equals the published formula on generated inputs") {
  Random random(11);
  for (int i = 0; i < 50; ++i) {
    const double variance = random.log_uniform(1e-3, 1e3);
    const Moments<double> x{random.normal(), variance, variance * random.uniform(), variance * random.uniform()};
    const Gradient<double> g{random.uniform(0.5, 2), random.uniform(0, 0.5), random.uniform(0, 0.2)};
    const double in = random.log_uniform(1, 4096), out = random.log_uniform(1, 4096), w = random.log_uniform(1e-4, 1);
    const double b = random.uniform(), B = random.log_uniform(1, 64), L = random.log_uniform(1, 512);
    check_close(values(linear_forward(x, in, w, b)), published_forward(x, in, w, b), 1e-12);
    const Digits50 gain = Digits50(out) * Digits50(w);
    check_close(
        values(linear_backward(g, out, w)),
        std::array{gain * Digits50(g.variance), gain * Digits50(g.covariance), gain * Digits50(g.cross_covariance)},
        1e-12);
    const Digits50 norm = published_weight_gradient(convert<Digits50>(x), convert<Digits50>(g), in, out, B, L);
    CHECK(relative_error(weight_gradient(x, g, in, out, B, L), norm) <= 1e-12);
  }
}

TEST_CASE("linear reads alike with every scalar type") {
  const auto by_mean = []<class T>(const T& mean) {
    return values(linear_forward(Moments<T>{mean, T(2), T(0.7), T(0.1)}, T(64), T(0.02), T(0.3)));
  };
  const auto by_weight = []<class T>(const T& w) {
    return values(linear_backward(Gradient<T>{T(2), T(0.7), T(0.1)}, T(64), w));
  };
  const auto by_length = []<class T>(const T& length) {
    const Moments<T> x{T(0.2), T(2), T(0.7), T(0.1)};
    return std::array{weight_gradient(x, Gradient<T>{T(2), T(0.7), T(0.1)}, T(8), T(64), T(4), length)};
  };
  check_every_scalar(by_mean, 0.4);
  check_every_scalar(by_weight, 0.03);
  check_every_scalar(by_length, 32);
}

TEST_CASE("linear is homogeneous: a signal twice as large has four times the moments") {
  const auto once = linear_forward<double>({0.3, 1.1, 0.4, 0.2}, 16, 0.1, 0);
  const auto twice = linear_forward<double>({0.6, 4.4, 1.6, 0.8}, 16, 0.1, 0);
  for (std::size_t n = 0; n < 4; ++n) CHECK(values(twice)[n] == Approx(4 * values(once)[n]).epsilon(1e-14));
}

}  // namespace
}  // namespace sigprop::test
