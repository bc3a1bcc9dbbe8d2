// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/gauss_rule.hpp"

#include <catch2/catch.hpp>

#include "support/every_scalar.hpp"

namespace sigprop::test {
namespace {

using formula::chi_square_rule;
using formula::GaussRule;
using formula::normal_rule;

/// E[x^power] by a rule.
template <class T, std::size_t N>
T moment(const GaussRule<T, N>& rule, int power) {
  T sum(0);
  for (std::size_t i = 0; i < N; ++i) {
    T x(1);
    for (int k = 0; k < power; ++k) x = x * rule.points[i];
    sum += rule.weights[i] * x;
  }
  return sum;
}

/// E[z^power], z standard normal: (power - 1)!! for even powers.
double normal_moment(int power) {
  if (power % 2 == 1) return 0;
  double product = 1;
  for (int odd = 1; odd < power; odd += 2) product *= odd;
  return product;
}

/// E[ξ^power], ξ = χ²_k/k: Π (k + 2j)/k.
Digits50 chi_square_moment(const Digits50& k, int power) {
  Digits50 product = 1;
  for (int j = 0; j < power; ++j) product *= (k + 2 * j) / k;
  return product;
}

template <std::size_t N>
void check_normal_rule() {
  const auto rule = normal_rule<Digits50, N>();
  for (int power = 0; power < 2 * static_cast<int>(N); ++power) {
    INFO(N << " nodes, power " << power);
    CHECK(std::abs(static_cast<double>(moment(rule, power) - normal_moment(power))) <=
          1e-25 * normal_moment(power + power % 2));
  }
}

TEST_CASE("a Gauss-Hermite rule of N nodes is exact to degree 2N - 1") {
  check_normal_rule<1>();
  check_normal_rule<2>();
  check_normal_rule<3>();
  check_normal_rule<5>();
  check_normal_rule<12>();
}

TEST_CASE("the Gauss-Hermite rule of three nodes is -√3, 0, √3 with weights 1/6, 2/3, 1/6") {
  const auto rule = normal_rule<double, 3>();
  CHECK(rule.points[0] == Approx(-std::sqrt(3.0)).epsilon(1e-15));
  CHECK(rule.points[1] == Approx(0).margin(1e-15));
  CHECK(rule.points[2] == Approx(std::sqrt(3.0)).epsilon(1e-15));
  check_close(rule.weights, std::array{1.0 / 6, 2.0 / 3, 1.0 / 6}, 1e-14);
}

TEST_CASE("the chi-square rule of four nodes is exact to degree 7 at any head width") {
  for (const double k : {1.0, 2.0, 3.5, 8.0, 64.0, 1024.0}) {
    const auto rule = chi_square_rule<Digits50, 4>(k);
    for (int power = 0; power < 8; ++power) {
      INFO("head width " << k << ", power " << power);
      CHECK(relative_error(moment(rule, power), chi_square_moment(k, power)) <= 1e-25);
    }
  }
}

TEST_CASE("the chi-square rule has positive nodes in order and positive weights") {
  for (const double k : {1.0, 2.0, 16.0, 64.0, 512.0}) {
    const auto rule = chi_square_rule<double, 4>(k);
    CHECK(rule.points[0] > 0);
    for (std::size_t i = 0; i < 4; ++i) CHECK(rule.weights[i] > 0);
    for (std::size_t i = 1; i < 4; ++i) CHECK(rule.points[i] > rule.points[i - 1]);
  }
}

TEST_CASE("a chi-square rule of any number of nodes is exact to degree 2N - 1, one node included") {
  const Digits50 k = 3;
  const auto check = [&k](const auto& rule) {
    for (int power = 0; power < 2 * static_cast<int>(rule.points.size()); ++power) {
      INFO(rule.points.size() << " nodes, power " << power);
      CHECK(relative_error(moment(rule, power), chi_square_moment(k, power)) <= 1e-25);
    }
  };
  check(chi_square_rule<Digits50, 1>(k));
  check(chi_square_rule<Digits50, 2>(k));
  check(chi_square_rule<Digits50, 3>(k));
  check(chi_square_rule<Digits50, 7>(k));
}

TEST_CASE("the chi-square rule closes on 1 for a very wide head") {
  const auto rule = chi_square_rule<double, 4>(1e8);
  for (const double point : rule.points) CHECK(point == Approx(1).margin(1e-3));
}

TEST_CASE("the Gauss rules read alike with every scalar type") {
  const auto points = []<class T>(const T& k) { return chi_square_rule<T, 4>(k).points; };
  const auto weights = []<class T>(const T& k) { return chi_square_rule<T, 4>(k).weights; };
  const auto hermite = []<class T>(const T& scale) {
    const auto rule = normal_rule<T, 3>();
    return std::array{T(rule.points[2] * scale), T(rule.weights[2] * scale)};
  };
  check_every_scalar(points, 64, {.rounding = 1e-11});
  check_every_scalar(weights, 64, {.rounding = 1e-11});
  check_every_scalar(points, 2, {.rounding = 1e-11});
  check_every_scalar(hermite, 1.5);
}

}  // namespace
}  // namespace sigprop::test
