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

TEST_CASE("sizes of one law have the mean of a product of powers that the law gives") {
  // Two sizes, 1 ± d, in equal parts: to first order in their variance every law is alike.
  constexpr double d = 1e-3, tau = d * d, response = -0.7, degree = 2, slope = 1;
  const auto mean = [](const auto& f) { return (f(1 + d) + f(1 - d)) / 2; };
  const auto before = formula::size_response<double>(response, degree, slope, tau);
  const double arrived = mean([&](double q) { return std::pow(q, degree * response); });
  const double both = mean([&](double q) { return std::pow(q, degree * response + slope); });
  CHECK(before.mean - 1 ==
        Approx(both / arrived / mean([&](double q) { return std::pow(q, slope); }) - 1).epsilon(1e-3));
  CHECK(before.response == degree * response + slope);
  CHECK(formula::size_response_of_weights<double>(response, tau) - 1 == Approx(response * tau).epsilon(1e-3));
}

TEST_CASE("sizes of one law have the means after a norm and after a gate that the law gives") {
  // Two sizes, 1 ± d, in equal parts; two tokens of one size and of independent ones.
  constexpr double d = 1e-3, tau = d * d, w = 0.4, degree = 2.6;
  const auto mean = [](const auto& f) { return (f(1 + d) + f(1 - d)) / 2; };
  const auto check = [&](const formula::SizeMoments<double, double>& size, double n, const auto& of) {
    const double own = mean(of) / of(1), apart = size.sign * size.apart * size.apart;
    CHECK(size.own - 1 == Approx(own - 1).epsilon(1e-3));
    const double root = mean([&](double q) { return std::sqrt(of(q) / of(1)); });
    const double read = mean([](double q) { return std::sqrt(q); });
    CHECK(size.own * (1 + apart) - 1 == Approx(root * root / std::pow(read * read, n) - 1).epsilon(1e-3));
  };
  check(formula::size_moments_of_norm<double>(w, tau, tau), 1, [](double q) { return q / (q + (1 - w) / w); });
  check(formula::size_moments_of_gate<double>(degree, tau, tau), degree, [](double q) { return std::pow(q, degree); });
}

TEST_CASE("a norm without ε, or of ε alone, takes nothing from the mean of a size that varies") {
  CHECK(formula::size_moments_of_norm<double>(1.0, 0.3, 0.3).own == 1);
  CHECK(formula::size_moments_of_norm<double>(0.0, 0.3, 0.3).own == 1);
  CHECK(formula::size_moments_of_norm<double>(0.0, 0.3, 0.3).apart == 0);
  CHECK(formula::size_moments_of_norm<double>(0.5, 0.0, 0.0).own == 1);
}

TEST_CASE("sizes that vary without bound leave products of tokens their sign") {
  const auto gate = formula::size_moments_of_gate<double>(3.0, 1e12, 1e12);
  CHECK(1 - gate.apart * gate.apart >= 0);
  CHECK(std::isfinite(gate.own));
  CHECK(formula::size_moments_of_gate<double>(1.0, 1e12, 1e12).apart == 0);
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
        const auto before = formula::size_response<T>(T(-0.5), T(2), T(0.3), tau);
        return std::array{before.mean, formula::size_response_of_weights<T>(T(-0.5), tau),
                          formula::size_moments_of_norm<T>(T(0.4), tau, tau).own,
                          formula::size_moments_of_gate<T>(T(1.7), tau, tau).own};
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
