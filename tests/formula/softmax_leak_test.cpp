// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/softmax_leak.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"

namespace sigprop::test {
namespace {

using formula::leak_share;
using formula::softmax_leak;

constexpr double stated_error = 1e-6;

/// λ from the moments S_m = Σ A^m of one row.
double leak_of(double v, double s2, double s3, double s4, double s5) {
  const double first = 1 - s2 - 4 * (s2 - s3) + 6 * (s2 * s2 - s4);
  const double second = s2 * (6 * (1 - s2) - 48 * (s2 - s3) + 120 * (s2 * s2 - s4)) +
                        8 * (6 * (s3 - s4) - 24 * (s3 * s2 - s5)) + 8 * (6 * (s2 * s2 - s4) - 2 * (s2 - s3));
  return first + v * second / 4;
}

/// Two keys: A = 1/(1 + e^-x), x the difference of the scores, N(0, 2v).
double two_keys(double v) {
  double sum = 0;
  const double sd = std::sqrt(2 * v), step = 1e-3;
  for (double z = -9; z <= 9; z += step) {
    const double a = 1 / (1 + std::exp(-sd * z)), b = 1 - a;
    const auto moment = [&](double m) { return std::pow(a, m) + std::pow(b, m); };
    const double weight = step * std::exp(-z * z / 2) / std::sqrt(2 * scalar::pi<double>());
    sum += weight * leak_of(v, moment(2), moment(3), moment(4), moment(5));
  }
  return sum;
}

TEST_CASE("a row of one key gains nothing from products of its keys") {
  CHECK(softmax_leak(3.0, 1.0) == 0);
  CHECK(leak_share(0.0, 1.0) == 0);
}

TEST_CASE("even weights gain what their powers leave") {
  for (const double n : {2.0, 5.0, 64.0, 512.0})
    CHECK(softmax_leak(0.0, n) ==
          Approx(leak_of(0, 1 / n, std::pow(n, -2), std::pow(n, -3), std::pow(n, -4))).epsilon(stated_error));
}

TEST_CASE("the gain of two keys agrees with the integral over the difference of their scores") {
  for (const double v : {0.01, 0.3, 2.7, 9.0, 40.0})
    CHECK(softmax_leak(v, 2.0) == Approx(two_keys(v)).epsilon(stated_error).margin(5e-6));
}

TEST_CASE("softmax_leak is the same function of every scalar") {
  check_every_scalar([](const auto& v) { return std::array{softmax_leak(v, decltype(v + v)(12))}; }, 0.8);
  check_every_scalar([](const auto& n) { return std::array{softmax_leak(decltype(n + n)(2), n)}; }, 7);
}

TEST_CASE("softmax_leak names what lies outside its domain") {
  CHECK_THAT(domain_message([] { return softmax_leak(-0.1, 4.0); }), Catch::Contains("score variance"));
  CHECK_THAT(domain_message([] { return softmax_leak(0.1, 0.5); }), Catch::Contains("number of keys"));
}

}  // namespace
}  // namespace sigprop::test
