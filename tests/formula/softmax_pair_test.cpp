// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/softmax_pair.hpp"

#include <catch2/catch.hpp>

#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"
#include "support/reference.hpp"

namespace sigprop::test {
namespace {

using formula::softmax_pair;
using formula::softmax_row;
using formula::SoftmaxPair;

constexpr double stated_error = 1e-4;

template <class T>
std::array<T, 2> numbers(const SoftmaxPair<T>& pair) {
  return {pair.overlap, pair.jacobian};
}

/// Two keys in both rows: with s, s' the rows' first elements, P = E[s s' + (1-s)(1-s')] and T12 =
/// 4 E[s(1-s) s'(1-s')], over the score differences x, x' of variance 2v and correlation ρ.
std::array<double, 2> two_keys(double v, double rho) {
  std::array<double, 2> sum{0, 0};
  const double sd = std::sqrt(2 * v), step = 0.02;
  for (double z = -8; z <= 8; z += step) {
    for (double y = -8; y <= 8; y += step) {
      const double weight = step * step * std::exp(-(z * z + y * y) / 2) / (2 * scalar::pi<double>());
      const double a = 1 / (1 + std::exp(-sd * z));
      const double b = 1 / (1 + std::exp(-sd * (rho * z + std::sqrt(1 - rho * rho) * y)));
      sum[0] += weight * (a * b + (1 - a) * (1 - b));
      sum[1] += weight * 4 * a * (1 - a) * b * (1 - b);
    }
  }
  return sum;
}

TEST_CASE("rows that share one key only overlap by 1/j and share no Jacobian") {
  CHECK(numbers(softmax_pair(2.0, 0.5, 1.0, 8.0)) == std::array{0.125, 0.0});
}

TEST_CASE("two rows of equal scores overlap by 1/j") {
  for (const double i : {2.0, 16.0, 256.0}) {
    for (const double j : {i, 2 * i, 10 * i}) {
      INFO("i " << i << ", j " << j);
      check_close(numbers(softmax_pair(0.0, 0.3, i, j)), std::array{1 / j, (1 - 1 / i) / j}, stated_error);
    }
  }
}

TEST_CASE("a row paired with itself is the row") {
  for (const double v : {0.1, 1.0, 9.0, 36.0}) {
    for (const double n : {2.0, 16.0, 256.0}) {
      const auto row = softmax_row(v, n);
      INFO("v " << v << ", " << n << " keys");
      check_close(numbers(softmax_pair(v, 1.0, n, n)), std::array{row.squares, row.jacobian}, stated_error);
    }
  }
}

TEST_CASE("two keys in both rows agree with the integral over their differences") {
  for (const double v : {0.05, 1.0, 9.0}) {
    for (const double rho : {-0.9, -0.3, 0.0, 0.01, 0.5, 0.98}) {
      INFO("v " << v << ", rho " << rho);
      check_close(numbers(softmax_pair(v, rho, 2.0, 2.0)), two_keys(v, rho), stated_error);
    }
  }
}

TEST_CASE("softmax pairs have the golden values") {
  const auto golden = read_reference("golden.json");
  for (const auto& entry : golden.at("softmax_pairs").at("pairs")) {
    const auto number = [&](const char* name) { return entry.at(name).get<double>(); };
    const auto pair = softmax_pair(number("v"), number("rho"), number("i"), number("j"));
    INFO(entry);
    CHECK(relative_error(pair.overlap, number("P")) <= 2e-3);
    CHECK(relative_error(pair.jacobian, number("T12")) <= 2e-3);
  }
}

TEST_CASE("a softmax pair names the argument outside its domain") {
  CHECK(domain_message([] { return softmax_pair(-1.0, 0.0, 2.0, 2.0); }) ==
        "score variance v is -1, but must be at least 0");
  CHECK(domain_message([] { return softmax_pair(1.0, 1.5, 2.0, 2.0); }) ==
        "score correlation is 1.5, but must be in [-1, 1]");
  CHECK(domain_message([] { return softmax_pair(1.0, 0.0, 0.0, 2.0); }) ==
        "number of shared keys is 0, but must be at least 1");
  CHECK(domain_message([] { return softmax_pair(1.0, 0.0, 4.0, 2.0); }) ==
        "number of keys is 2, but must be at least the number of shared keys");
}

TEST_CASE("a softmax pair is as accurate as stated from v = 0 to 1000", "[bulk]") {
  for (const double v : {0.01, 1.0, 25.0, 100.0, 1000.0}) {
    for (const double rho : {0.0, 0.2, 0.9}) {
      for (const double i : {2.0, 64.0}) {
        for (const double j : {i, 300.0}) {
          INFO("v " << v << ", rho " << rho << ", i " << i << ", j " << j);
          check_close(numbers(softmax_pair(v, rho, i, j)), numbers(softmax_pair(v, rho, i, j, 2)), stated_error);
        }
      }
    }
  }
}

TEST_CASE("a softmax pair reads alike with every scalar type") {
  const auto by_variance_and_correlation = []<class T>(const T& v) {
    return numbers(softmax_pair(v, T(v / T(3)), T(16), T(32)));
  };
  // The derivative leaves out how the grid moves, which is of the order of the quadrature error.
  check_every_scalar(by_variance_and_correlation, 1.3, {.rounding = 1e-10, .slope = 3e-4});
}

TEST_CASE("two rows overlap the more, the more their scores correlate, and never more than one row with itself") {
  Random random(111);
  for (int i = 0; i < 10; ++i) {
    const double v = random.log_uniform(0.1, 30), n = std::floor(random.log_uniform(2, 500));
    double last = 0;
    for (const double rho : {-0.5, 0.0, 0.5, 0.9}) {
      const double overlap = softmax_pair(v, rho, n, n).overlap;
      INFO("v " << v << ", rho " << rho << ", " << n << " keys");
      CHECK(overlap > last);
      last = overlap;
    }
    CHECK(last <= softmax_row(v, n).squares);
  }
}

TEST_CASE("rows of unrelated scores overlap by 1/j") {
  CHECK(softmax_pair(4.0, 0.0, 64.0, 64.0).overlap == Approx(1.0 / 64).epsilon(stated_error));
  CHECK(softmax_pair(4.0, 0.0, 16.0, 64.0).overlap == Approx(1.0 / 64).epsilon(stated_error));
}

}  // namespace
}  // namespace sigprop::test
