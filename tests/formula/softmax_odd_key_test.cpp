// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/softmax_odd_key.hpp"

#include <catch2/catch.hpp>

#include "sigprop/formula/softmax_means.hpp"
#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"

namespace sigprop::test {
namespace {

using formula::OddKey;
using formula::softmax_odd_key;
using formula::softmax_odd_key_means;

constexpr double stated_error = 1e-5;
constexpr double stated_margin = 1e-15;
constexpr double stated_row_error = 1e-4;  ///< of softmax_row

template <class T>
std::array<T, 2> numbers(const OddKey<T>& key) {
  return {key.share, key.square};
}

/// Two keys: A = 1/(1 + e^-x), x the difference of the scores, N(0, v + v').
std::array<double, 2> two_keys(double v, double own) {
  std::array<double, 2> sum{0, 0};
  const double sd = std::sqrt(v + own), step = 1e-3;
  for (double z = -9; z <= 9; z += step) {
    const double a = 1 / (1 + std::exp(-sd * z));
    const double weight = step * std::exp(-z * z / 2) / std::sqrt(2 * scalar::pi<double>());
    sum[0] += weight * a;
    sum[1] += weight * a * a;
  }
  return sum;
}

TEST_CASE("a single key receives all attention, whatever its score variance") {
  CHECK(numbers(softmax_odd_key(3.0, 7.0, 1.0)) == std::array{1.0, 1.0});
}

TEST_CASE("a key like the others receives one share of the row") {
  for (const double v : {0.0, 0.1, 1.0, 9.0, 100.0}) {
    for (const double n : {2.0, 10.0, 512.0}) {
      INFO("v " << v << ", " << n << " keys");
      const auto key = softmax_odd_key(v, v, n);
      CHECK(relative_error(key.share, 1 / n) <= stated_error);
      CHECK(relative_error(key.square, formula::softmax_row(v, n).squares / n) <= stated_row_error);
    }
  }
}

TEST_CASE("one odd key of two agrees with the integral over their difference") {
  for (const double v : {0.0, 0.3, 4.0, 100.0}) {
    for (const double own : {0.0, 0.5, 9.0, 1000.0}) {
      INFO("v " << v << ", v' " << own);
      check_close(numbers(softmax_odd_key(v, own, 2.0)), two_keys(v, own), stated_error);
    }
  }
}

TEST_CASE("an odd key among equal scores is a logistic function of one normal") {
  const double own = 2.5, n = 40;
  double share = 0, square = 0;
  const double step = 1e-3;
  for (double z = -9; z <= 9; z += step) {
    const double a = 1 / (1 + (n - 1) * std::exp(-std::sqrt(own) * z));
    const double weight = step * std::exp(-z * z / 2) / std::sqrt(2 * scalar::pi<double>());
    share += weight * a;
    square += weight * a * a;
  }
  check_close(numbers(softmax_odd_key(0.0, own, n)), std::array{share, square}, stated_error);
}

TEST_CASE("an odd key names the argument outside its domain") {
  CHECK(domain_message([] { return softmax_odd_key(-1.0, 1.0, 4.0); }) ==
        "score variance v is -1, but must be at least 0");
  CHECK(domain_message([] { return softmax_odd_key(1.0, -2.0, 4.0); }) ==
        "score variance of the odd key is -2, but must be at least 0");
  CHECK(domain_message([] { return softmax_odd_key(1.0, 1.0, 0.5); }) ==
        "number of keys is 0.5, but must be at least 1");
  CHECK(domain_message([] { return softmax_odd_key_means(1.0, 1.0, 4.0, 0.0); }) ==
        "head width is 0, but must be at least 1");
}

TEST_CASE("an odd key is as accurate as stated from v, v' = 0 to 1000", "[bulk]") {
  for (const double v : {0.0, 1e-6, 0.1, 9.0, 100.0, 1000.0}) {
    for (const double own : {0.0, 1e-6, 1.0, 25.0, 1000.0}) {
      for (const double n : {2.0, 10.0, 10000.0}) {
        INFO("v " << v << ", v' " << own << ", " << n << " keys");
        const auto key = softmax_odd_key(v, own, n), precise = softmax_odd_key(v, own, n, 3);
        CHECK(key.share == Approx(precise.share).epsilon(stated_error).margin(stated_margin));
        CHECK(key.square == Approx(precise.square).epsilon(stated_error).margin(stated_margin));
      }
    }
  }
}

TEST_CASE("an odd key reads alike with every scalar type", "[bulk]") {
  const auto by_variance = []<class T>(const T& v) { return numbers(softmax_odd_key(v, T(3), T(64))); };
  const auto by_own = []<class T>(const T& own) { return numbers(softmax_odd_key(T(1.5), own, T(64))); };
  const auto by_keys = []<class T>(const T& n) { return numbers(softmax_odd_key(T(2.5), T(0.5), n)); };
  // The derivative leaves out how the grid moves, which is of the order of the quadrature error.
  const ScalarLimits limits{.rounding = 1e-10, .slope = 1e-3};
  check_every_scalar(by_variance, 0.8, limits);
  check_every_scalar(by_own, 8, limits);
  check_every_scalar(by_keys, 48, limits);
}

TEST_CASE("an odd key keeps its inequalities on generated inputs") {
  Random random(103);
  for (int i = 0; i < 30; ++i) {
    const double v = random.log_uniform(1e-3, 100), own = random.log_uniform(1e-3, 100);
    const double n = std::floor(random.log_uniform(2, 2000));
    const auto key = softmax_odd_key(v, own, n);
    INFO("v " << v << ", v' " << own << ", " << n << " keys");
    CHECK(key.share > 0);
    CHECK(key.share < 1);
    CHECK(key.square <= key.share * (1 + stated_error));
    CHECK(key.square >= key.share * key.share * (1 - stated_error));
    CHECK(softmax_odd_key(v, 2 * own, n).square >= key.square * (1 - stated_error));
  }
}

TEST_CASE("in a wide head an odd key is the plain one, and one like the others keeps its share of the row") {
  check_close(numbers(softmax_odd_key_means(2.0, 5.0, 32.0, 1e12)), numbers(softmax_odd_key(2.0, 5.0, 32.0)), 1e-5);
  const auto key = softmax_odd_key_means(2.0, 2.0, 32.0, 16.0);
  CHECK(relative_error(key.share, 1 / 32.0) <= stated_error);
  CHECK(relative_error(key.square, formula::softmax_row_means(2.0, 32.0, 16.0).squares / 32) <= stated_row_error);
}

}  // namespace
}  // namespace sigprop::test
