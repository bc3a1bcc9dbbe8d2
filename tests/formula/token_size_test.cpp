// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/token_size.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>

#include "support/every_scalar.hpp"
#include "support/random.hpp"

namespace sigprop::test {
namespace {

using formula::row_size_variance;
using formula::SameWords;
using formula::SizeResponse;

TEST_CASE("a normal token's size varies by 2/D, a constant one's not") {
  CHECK(formula::drawn_size_variance(0.0, 3.0, 64.0) == 2.0 / 64);
  CHECK(formula::drawn_size_variance(2.0, 4.0, 64.0) == 0);
}

TEST_CASE("heads that share their values vary as their values do") {
  CHECK(formula::attention_size_variance(1.0, 8.0, 8.0, 16.0, 128.0) == Approx(4.0 / 128));
  CHECK(formula::attention_size_variance(1.0, 8.0, 2.0, 16.0, 128.0) == Approx(2.0 / 128 + 2.0 / 32));
  CHECK(formula::attention_size_variance(0.0, 8.0, 2.0, 16.0, 128.0) == Approx(4.0 / 128));
}

TEST_CASE("an activation that is linear has the size of what it reads") {
  CHECK(formula::activation_size_variance(0.07, 3.0, 32.0) == 0.07);
  CHECK(formula::activation_size_variance(2.0 / 32, 6.0, 32.0) == Approx(5.0 / 32));  // ReLU behind a linear map
  CHECK(formula::gated_size_variance(0.0, 6.0, 32.0) == Approx(17.0 / 32));
}

TEST_CASE("a sum of one part has its size, one of two halves half of both and their product") {
  CHECK(formula::sum_size_variance(1.0, 0.3, 0.0, 0.2, 64.0) == Approx(0.3));
  CHECK(formula::sum_size_variance(0.5, 0.2, 0.5, 0.2, 64.0) == Approx(0.1 + 1.0 / 64));
}

TEST_CASE("a row of one key, of words that never repeat or that are all one, has one size") {
  CHECK(row_size_variance(1.0, SameWords<double>{0.1, 0.02}, 1.0, 1.0) == 0);
  CHECK(row_size_variance(1.0, SameWords<double>{0, 0}, 16.0, 1.0) == 0);
  CHECK(row_size_variance(1.0, SameWords<double>{1, 1}, 16.0, 1.0) == 0);
  // Two keys: the size is (1 + δ)/2.
  CHECK(row_size_variance(1.0, SameWords<double>{0.25, 0.1}, 2.0, 0.625) == Approx(0.25 * 0.75 / 4 / (0.625 * 0.625)));
}

TEST_CASE("sizes equal their definitions on generated inputs, with fifty digits") {
  Random random(71);
  for (int i = 0; i < 50; ++i) {
    const double two = random.uniform(0.01, 0.3), three = random.uniform(two * two, two), words = random.uniform();
    const double keys = random.uniform(2, 64), mixed = random.uniform(0.05, 1);
    const Digits50 n = keys, p = two, z = mixed;
    // The variance of 2/n² times the pairs of equal words, of which n (n-1) (n-2) share a token.
    const Digits50 pairs = n * (n - 1) / 2 * (p - p * p) + n * (n - 1) * (n - 2) * (three - p * p);
    check_close(std::array{row_size_variance(words, SameWords<double>{two, three}, keys, mixed)},
                std::array<Digits50, 1>{4 * words * words / (n * n * n * n) * pairs / (z * z)}, 1e-12);
  }
}

TEST_CASE("the response behind a norm and that of a product are those of the functions themselves") {
  constexpr double w = 0.8, tau = 1e-4;
  const auto norm = formula::size_response_of_norm(w, tau);
  const auto gradient = [&](double e) { return 1 / (1 + w * e); };  // of the size
  const auto against = [&](const SizeResponse<double>& response, double mean, const auto& f) {
    constexpr double step = 1e-3;
    const double at_mean = f(0) / mean;
    CHECK(response.first == Approx((f(step) - f(-step)) / (2 * step) / f(0) * at_mean).epsilon(1e-5));
    CHECK(response.second == Approx((f(step) - 2 * f(0) + f(-step)) / (step * step) / f(0) * at_mean).epsilon(1e-5));
  };
  against(norm, 1 + w * w * tau, gradient);
  const SizeResponse<double> other{-0.5, 1.2};
  const auto product = formula::size_response_of_product(norm, other, tau);
  CHECK(product.mean == Approx(1 + 0.5 * w / (1 + w * w * tau) * tau));
  const auto both = [&](double e) {
    return (1 + norm.first * e + norm.second * e * e / 2) * (1 + other.first * e + other.second * e * e / 2);
  };
  against(product.size, product.mean, both);
}

TEST_CASE("sizes read alike with every scalar type") {
  check_every_scalar([]<class T>(const T& q) { return std::array{formula::drawn_size_variance(T(0.5), q, T(64))}; },
                     1.3);
  check_every_scalar(
      []<class T>(const T& n) {
        return std::array{row_size_variance(T(0.7), SameWords<T>{T(0.1), T(0.03)}, n, T(0.4))};
      },
      7.5);
  check_every_scalar(
      []<class T>(const T& u) { return std::array{formula::attention_size_variance(u, T(8), T(2), T(16), T(128))}; },
      0.4);
  check_every_scalar(
      []<class T>(const T& tau) {
        const auto response = formula::size_response_of_norm(T(0.8), tau);
        const auto product = formula::size_response_of_product<T>(response, {T(-0.5), T(1)}, tau);
        return std::array{product.mean, product.size.first, product.size.second};
      },
      0.05);
}

TEST_CASE("sizes name the argument outside their domain") {
  CHECK(domain_message([] {
          return row_size_variance(1.0, SameWords<double>{0.1, 0.02}, 0.5, 1.0);
        }) == "number of keys is 0.5, but must be at least 1");
  CHECK(domain_message([] {
          return row_size_variance(1.0, SameWords<double>{0.1, 0.02}, 2.0, 0.0);
        }) == "row's second moment is 0, but must be above 0");
  CHECK(domain_message([] { return formula::drawn_size_variance(0.0, 1.0, 0.0); }) ==
        "features is 0, but must be at least 1");
}

}  // namespace
}  // namespace sigprop::test
