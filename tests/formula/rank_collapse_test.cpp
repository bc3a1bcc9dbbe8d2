// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/rank_collapse.hpp"

#include <catch2/catch.hpp>

#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"

namespace sigprop::test {
namespace {

using formula::effective_rank;
using formula::effective_rank_of_spectrum;
using formula::rank_residual;

TEST_CASE("the rank residual of equal tokens is 0, of independent ones close to 1") {
  CHECK(rank_residual(2.0, 2.0, 16.0) == 0);
  CHECK(rank_residual(1.0, 1.0 + 1e-15, 16.0) == 0);
  CHECK(rank_residual(1.0, 0.0, 1e6) == Approx(1).epsilon(1e-6));
  CHECK(rank_residual(1.0, 0.75, 1e16) == Approx(0.5).epsilon(1e-12));
  CHECK(rank_residual(1.0, 0.0, 1.0) == 0);
}

TEST_CASE("the rank residual and the effective rank of a signal that is 0 are 0") {
  CHECK(rank_residual(0.0, 0.0, 16.0) == 0);
  CHECK(effective_rank(0.0, 0.0, 16.0, 64.0) == 0);
}

TEST_CASE("the effective rank of equal tokens is 1, of one token 1") {
  CHECK(effective_rank(2.0, 2.0, 16.0, 64.0) == Approx(1).epsilon(1e-12));
  CHECK(effective_rank(2.0, 0.0, 1.0, 64.0) == Approx(1).epsilon(1e-12));
}

TEST_CASE("the effective rank of independent tokens in a very wide space is their number") {
  CHECK(effective_rank(1.0, 0.0, 16.0, 1e9) == Approx(16).epsilon(1e-6));
  CHECK(effective_rank(1.0, 0.0, 1e9, 64.0) <= 64.001);
}

TEST_CASE("the effective rank of tokens that sum to 0 is their number without one") {
  // The direction that tokens have in common has no share, and 0 ln 0 counts as 0.
  CHECK(effective_rank(1.0, -1.0 / 16, 17.0, 1e9) == Approx(16).epsilon(1e-6));
  CHECK(effective_rank(3.0, -3.0, 2.0, 1e9) == Approx(1).epsilon(1e-6));
}

TEST_CASE("the rank measures name the argument outside their domain") {
  CHECK(domain_message([] { return rank_residual(1.0, 0.0, 0.0); }) == "sequence length is 0, but must be at least 1");
  CHECK(domain_message([] { return effective_rank(1.0, 0.0, 0.0, 64.0); }) ==
        "sequence length is 0, but must be at least 1");
  CHECK(domain_message([] { return effective_rank(1.0, 0.0, 16.0, 0.0); }) == "width is 0, but must be at least 1");
  CHECK(domain_message([] {
          return effective_rank_of_spectrum({{1, 16}}, 0);
        }) == "width is 0, but must be at least 1");
}

TEST_CASE("the rank measures equal their formulas on generated inputs") {
  Random random(91);
  for (int i = 0; i < 50; ++i) {
    const double q = random.log_uniform(1e-3, 1e3), c = q * random.uniform(0, 0.99);
    const double L = std::floor(random.log_uniform(2, 4096)), D = std::floor(random.log_uniform(1, 4096));
    const Digits50 residual = sqrt((1 - Digits50(c) / Digits50(q)) * (1 - 1 / Digits50(L)));
    CHECK(relative_error(rank_residual(q, c, L), residual) <= 1e-12);
    const Digits50 common = (Digits50(q) + (L - 1) * Digits50(c)) / (Digits50(L) * Digits50(q));
    const Digits50 count = std::min(L - 1, D), ratio = count / std::max(L - 1, D);
    const Digits50 share = (1 - common) / count;  // of one of the other eigenvalues
    const Digits50 entropy = -common * log(common) - count * share * (log(share) + ratio / 2);
    CHECK(relative_error(effective_rank(q, c, L, D), exp(entropy)) <= 1e-11);
  }
}

TEST_CASE("the spectrum of exchangeable tokens has their effective rank once its first value stands apart") {
  Random random(92);
  for (int i = 0; i < 50; ++i) {
    const double L = std::floor(random.log_uniform(4, 4096)), D = std::floor(random.log_uniform(4, 4096));
    const double edge = std::pow(1 + std::sqrt(L / D), 2) / L;  // of c/(q - c)
    const double q = random.log_uniform(1e-3, 1e3), c = q * random.uniform(edge / (1 + edge), 0.999);
    INFO("L " << L << ", D " << D << ", c/q " << c / q);
    CHECK(effective_rank_of_spectrum({{q - c, L - 1}, {q + (L - 1) * c, 1}}, D) ==
          Approx(effective_rank(q, c, L, D)).epsilon(1e-12));
  }
}

TEST_CASE("the effective rank of a spectrum: one value is 1, nothing is 0, rounding below 0 is nothing") {
  CHECK(effective_rank_of_spectrum({{2, 1}, {0, 15}}, 64) == Approx(1).epsilon(1e-12));
  CHECK(effective_rank_of_spectrum({{2, 1}, {-1e-17, 15}}, 64) == Approx(1).epsilon(1e-12));
  // What is left beside the first values may come out below 0.
  CHECK(effective_rank_of_spectrum({{0.3, 1}, {0.2, 1}, {0.1, 1}, {0, 15}}, 64) == Approx(2.7493).epsilon(1e-4));
  CHECK(effective_rank_of_spectrum({{0, 16}}, 64) == 0);
  CHECK(effective_rank_of_spectrum({}, 64) == 0);
}

TEST_CASE("a value up to the edge of the bulk belongs to it, one beyond stands apart") {
  // 64 tokens in 64 dimensions: the edge is (1 + 1)² times the mean of the others, which is 1.
  const auto rank = [](double first) { return effective_rank_of_spectrum({{first, 1}, {1, 63}}, 64); };
  const auto within = [](double first) {
    const double total = first + 63, p = first / total, other = 1 / total;
    const double participation = 1 / (p * p + 63 * other * other);
    return std::exp(-p * std::log(p) - 63 * other * std::log(other) - participation / (2 * 64));
  };
  const auto apart = [](double first) {
    const double p = first / (first + 63);
    return std::exp(-p * std::log(p) - (1 - p) * std::log((1 - p) / 63) - (1 - p) * 63 / (2 * 64));
  };
  for (const double first : {1.5, 3.0, 4.0}) CHECK(rank(first) == Approx(within(first)).epsilon(1e-12));
  for (const double first : {4.01, 8.0, 500.0}) CHECK(rank(first) == Approx(apart(first)).epsilon(1e-12));
  CHECK(std::abs(within(4.0) / apart(4.0) - 1) > 1e-3);
}

TEST_CASE("a bulk of more directions than the width fills the width, less its spread") {
  CHECK(effective_rank_of_spectrum({{3, 64}}, 16) == Approx(16 * std::exp(-16.0 / 128)).epsilon(1e-12));
  CHECK(effective_rank_of_spectrum({{3, 16}}, 16) == Approx(16 * std::exp(-0.5)).epsilon(1e-12));
  CHECK(effective_rank_of_spectrum({{3, 16}}, 64) == Approx(16 * std::exp(-16.0 / 128)).epsilon(1e-12));
}

TEST_CASE("the effective rank of equal values in a very wide space is their number, in a narrow one below its width") {
  CHECK(effective_rank_of_spectrum({{3, 16}}, 1e9) == Approx(16).epsilon(1e-6));
  CHECK(effective_rank_of_spectrum({{3, 1e9}}, 64) <= 64.001);
}

TEST_CASE("the effective rank of a spectrum does not change with its scale or its order") {
  const double rank = effective_rank_of_spectrum({{5, 1}, {1, 6}, {0.2, 20}}, 40);
  CHECK(effective_rank_of_spectrum({{15, 1}, {3, 6}, {0.6, 20}}, 40) == Approx(rank).epsilon(1e-12));
  CHECK(effective_rank_of_spectrum({{0.2, 20}, {5, 1}, {1, 6}}, 40) == Approx(rank).epsilon(1e-12));
}

TEST_CASE("the rank residual reads alike with every scalar type") {
  const auto by_dot = []<class T>(const T& c) { return std::array{rank_residual(T(2), c, T(64))}; };
  const auto by_length = []<class T>(const T& length) { return std::array{rank_residual(T(2), T(0.4), length)}; };
  check_every_scalar(by_dot, 0.7);
  check_every_scalar(by_length, 64);
}

TEST_CASE("the rank measures fall as the tokens align") {
  double residual = 2, rank = 1e9;
  for (const double r : {0.0, 0.1, 0.3, 0.6, 0.9, 0.99, 1.0}) {
    CHECK(rank_residual(1.0, r, 64.0) < residual);
    CHECK(effective_rank(1.0, r, 64.0, 512.0) < rank);
    residual = rank_residual(1.0, r, 64.0);
    rank = effective_rank(1.0, r, 64.0, 512.0);
    CHECK(rank_residual(3.0, 3 * r, 64.0) == Approx(residual).epsilon(1e-12));
  }
}

}  // namespace
}  // namespace sigprop::test
