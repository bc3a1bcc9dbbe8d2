// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/softmax_row.hpp"

#include <catch2/catch.hpp>

#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"
#include "support/reference.hpp"

namespace sigprop::test {
namespace {

using formula::softmax_row;
using formula::SoftmaxRow;

constexpr double stated_error = 1e-4;

template <class T>
std::array<T, 5> numbers(const SoftmaxRow<T>& row) {
  return {row.squares, row.cubes, row.jacobian, row.score_jacobian, row.entropy};
}

/// Two keys: A = (s, 1 - s), s = 1/(1 + e^-x), x the difference of the scores, N(0, 2v). One
/// integral instead of Laplace's.
std::array<double, 5> two_keys(double v) {
  std::array<double, 5> sum{0, 0, 0, 0, 0};
  const double sd = std::sqrt(2 * v), step = 1e-3;
  for (double z = -9; z <= 9; z += step) {
    const double x = sd * z, s = 1 / (1 + std::exp(-x)), other = 1 / (1 + std::exp(x));
    const double weight = step * std::exp(-z * z / 2) / std::sqrt(2 * scalar::pi<double>());
    const double squares = s * s + other * other, cubes = s * s * s + other * other * other;
    sum[0] += weight * squares;
    sum[1] += weight * cubes;
    sum[2] += weight * 4 * s * s * other * other;
    sum[3] += weight * 2 * s * s * other * other * x * x / v;
    sum[4] -= weight * (s * std::log(s) + other * std::log(other));
  }
  return sum;
}

/// The stated error: relative for S2, S3 and T, whose terms are positive; absolute for T_x and the
/// entropy, which end as small differences at sharp scores. T_x, small itself, is held closer than
/// stated.
void check_stated(const std::array<double, 5>& actual, const std::array<double, 5>& expected) {
  for (std::size_t n = 0; n < 3; ++n) CHECK(relative_error(actual[n], expected[n]) <= stated_error);
  CHECK(std::abs(actual[3] - expected[3]) <= 0.3 * stated_error);
  CHECK(std::abs(actual[4] - expected[4]) <= stated_error);
}

TEST_CASE("one key receives all attention") {
  CHECK(numbers(softmax_row(3.0, 1.0)) == std::array{1.0, 1.0, 0.0, 0.0, 0.0});
}

TEST_CASE("equal scores spread attention evenly") {
  for (const double n : {2.0, 3.0, 64.0, 4096.0}) {
    const double jacobian = 1 / n * (1 - 1 / n);
    INFO(n << " keys");
    check_close(numbers(softmax_row(0.0, n)), std::array{1 / n, 1 / (n * n), jacobian, jacobian, std::log(n)},
                stated_error);
  }
}

TEST_CASE("two keys agree with the integral over their difference") {
  for (const double v : {0.01, 0.3, 1.0, 4.0, 16.0, 100.0, 1000.0}) {
    INFO("v " << v);
    check_stated(numbers(softmax_row(v, 2.0)), two_keys(v));
  }
}

TEST_CASE("softmax rows have the golden values") {
  const auto golden = read_reference("golden.json");
  for (const auto& entry : golden.at("softmax_rows").at("rows")) {
    const auto row = softmax_row(entry.at("v").get<double>(), entry.at("n").get<double>());
    INFO(entry);
    CHECK(relative_error(row.squares, entry.at("S2").get<double>()) <= 1e-5);
    CHECK(relative_error(row.cubes, entry.at("S3").get<double>()) <= 1e-5);
    CHECK(relative_error(row.jacobian, entry.at("T").get<double>()) <= 1e-4);
    CHECK(relative_error(row.score_jacobian, entry.at("T_x").get<double>()) <= 1e-3);
  }
}

TEST_CASE("a softmax row names the argument outside its domain") {
  CHECK(domain_message([] { return softmax_row(-1.0, 4.0); }) == "score variance v is -1, but must be at least 0");
  CHECK(domain_message([] { return softmax_row(1.0, 0.0); }) == "number of keys is 0, but must be at least 1");
}

TEST_CASE("a softmax row is as accurate as stated from v = 0 to 1000", "[bulk]") {
  for (const double v : {0.0, 1e-6, 0.1, 1.0, 9.0, 25.0, 100.0, 1000.0}) {
    for (const double n : {2.0, 3.0, 10.0, 256.0, 10000.0}) {
      INFO("v " << v << ", " << n << " keys");
      check_stated(numbers(softmax_row(v, n)), numbers(softmax_row(v, n, 3)));
    }
  }
}

TEST_CASE("the sharpest softmax rows end, and approach one key by the root of the score variance") {
  const double reference = (1 - softmax_row(1000.0, 3.0).squares) * std::sqrt(1000.0);
  for (const double v : {2000.0, 3000.0, 20000.0}) {
    INFO("v " << v);
    CHECK((1 - softmax_row(v, 3.0).squares) * std::sqrt(v) == Approx(reference).epsilon(1e-3));
  }
}

TEST_CASE("rows of ten million keys end") {
  for (const double v : {1.0, 256.0, 1000.0}) {
    const auto row = softmax_row(v, 1e7);
    INFO("v " << v);
    CHECK(std::isfinite(row.squares));
    const double fewer = softmax_row(v, 1e6).entropy;
    CHECK(row.entropy > fewer);
    CHECK(row.entropy < fewer + std::log(10.0) + 1e-3);
  }
}

TEST_CASE("a softmax row reads alike with every scalar type", "[bulk]") {
  const auto by_variance = []<class T>(const T& v) { return numbers(softmax_row(v, T(64))); };
  const auto by_keys = []<class T>(const T& n) { return numbers(softmax_row(T(2.5), n)); };
  // The derivative leaves out how the grid moves, which is of the order of the quadrature error.
  const ScalarLimits limits{.rounding = 1e-10, .slope = 1e-3};
  check_every_scalar(by_variance, 0.8, limits);
  check_every_scalar(by_variance, 8, limits);
  check_every_scalar(by_keys, 48, limits);
}

TEST_CASE("a softmax row keeps its inequalities on generated inputs") {
  Random random(101);
  for (int i = 0; i < 30; ++i) {
    const double v = random.log_uniform(1e-3, 300), n = std::floor(random.log_uniform(2, 2000));
    const auto row = softmax_row(v, n);
    INFO("v " << v << ", " << n << " keys");
    CHECK(row.squares >= (1 - stated_error) / n);
    CHECK(row.squares <= 1 + stated_error);
    CHECK(row.cubes <= row.squares * (1 + stated_error));
    CHECK(row.cubes >= row.squares * row.squares * (1 - stated_error));
    CHECK(row.jacobian >= 0);
    CHECK(row.jacobian <= row.squares);
    CHECK(row.entropy <= std::log(n) * (1 + stated_error));
    CHECK(row.entropy >= -1e-6);
  }
}

TEST_CASE("a softmax row has the limits of flat scores") {
  const double v = 0.01, n = 1e6;
  const auto row = softmax_row(v, n);
  CHECK(row.squares * n == Approx(std::exp(v)).epsilon(1e-4));
  CHECK(row.cubes * n * n == Approx(std::exp(3 * v)).epsilon(1e-4));
  CHECK(row.entropy == Approx(std::log(n) - v / 2).epsilon(1e-6));
}

}  // namespace
}  // namespace sigprop::test
