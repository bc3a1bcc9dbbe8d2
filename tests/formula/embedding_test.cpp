// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/embedding.hpp"

#include <catch2/catch.hpp>

#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"
#include "support/reference.hpp"

namespace sigprop::test {
namespace {

using formula::embedding_forward;
using formula::harmonic_numbers;
using formula::zipf_match;
using formula::zipf_match_paper;

/// Σ p_i² with p_i = 1/(i H_V), summed with fifty digits.
Digits50 summed_match(int vocabulary) {
  Digits50 first = 0, second = 0;
  for (int i = 1; i <= vocabulary; ++i) {
    first += 1 / Digits50(i);
    second += 1 / Digits50(i) / Digits50(i);
  }
  return second / first / first;
}

/// Token correlation of a token, a position and a segment table of equal variance.
double three_tables(double token_match) {
  const auto x = formula::sum(formula::sum(embedding_forward(0.1, token_match, 0.0), embedding_forward(0.1, 0.0, 0.0)),
                              embedding_forward(0.1, formula::segment_match, 0.0));
  return x.covariance / x.variance;
}

TEST_CASE("a vocabulary of one word always matches") {
  CHECK(zipf_match(1.0) == 1);
  CHECK(harmonic_numbers(1.0).first == 1);
}

TEST_CASE("two words match with probability 5/9") {
  CHECK(zipf_match(2.0) == Approx(5.0 / 9).epsilon(1e-15));
}

TEST_CASE("the match probability is the sum of the squared frequencies") {
  for (const int vocabulary : {3, 100, 30522}) {
    CHECK(relative_error(zipf_match(double(vocabulary)), summed_match(vocabulary)) <= 1e-12);
  }
}

TEST_CASE("the harmonic numbers continue beyond a million words") {
  const Digits50 gamma = boost::math::constants::euler<Digits50>();
  const Digits50 pi = boost::math::constants::pi<Digits50>();
  for (const double count : {1e6, 1000001.0, 3e6, 1e9}) {
    const Digits50 v = count;  // the series' next terms are below 1e-25
    const Digits50 first = log(v) + gamma + 1 / (2 * v) - 1 / (12 * v * v);
    const Digits50 second = pi * pi / 6 - 1 / v + 1 / (2 * v * v) - 1 / (6 * v * v * v);
    const auto h = harmonic_numbers(count);
    check_close(std::array{h.first, h.second}, std::array{first, second}, 1e-12);
  }
}

TEST_CASE("the published match probability is pi²/(6 ln²V)") {
  const Digits50 pi = boost::math::constants::pi<Digits50>();
  for (const double v : {2.0, 1000.0, 32000.0, 1e7}) {
    CHECK(relative_error(zipf_match_paper(v), pi * pi / (6 * log(Digits50(v)) * log(Digits50(v)))) <= 1e-12);
  }
}

TEST_CASE("the published match probability is 11 percent high at 30000 words") {
  CHECK(zipf_match_paper(3e4) / zipf_match(3e4) == Approx(1.11).margin(0.01));
}

TEST_CASE("three tables have the golden token correlation") {
  const auto golden = read_reference("golden.json");
  for (const auto& [name, entry] : golden.at("embedding_token_correlation_three_tables").items()) {
    const double v = std::stod(name.substr(2));  // "V=32000"
    INFO(name);
    CHECK(three_tables(zipf_match_paper(v)) == Approx(entry.at("paper").get<double>()).margin(5e-6));
    CHECK(three_tables(zipf_match(v)) == Approx(entry.at("exact").get<double>()).margin(5e-6));
  }
}

TEST_CASE("the embedding of a table of variance 0 is 0, and a table whose every row is shared gives equal tokens") {
  CHECK(values(embedding_forward(0.0, 1.0, 1.0)) == std::array{0.0, 0.0, 0.0, 0.0});
  const auto x = embedding_forward(0.5, 1.0, 1.0);
  CHECK(x.covariance == x.variance);
  CHECK(x.cross_covariance == x.variance);
}

TEST_CASE("embedding names the argument outside its domain") {
  CHECK(domain_message([] { return zipf_match(0.5); }) == "vocabulary is 0.5, but must be at least 1");
  CHECK(domain_message([] { return zipf_match_paper(1.0); }) == "vocabulary is 1, but must be at least 2");
  CHECK(domain_message([] { return embedding_forward(-1.0, 0.0, 0.0); }) ==
        "table variance is -1, but must be at least 0");
}

TEST_CASE("embedding reads alike with every scalar type") {
  const auto by_variance = []<class T>(const T& w) { return values(embedding_forward(w, T(0.7), T(0.6))); };
  const auto by_sharing = []<class T>(const T& p) { return values(embedding_forward(T(0.2), p, T(0.6))); };
  const auto by_words = []<class T>(const T& v) { return std::array{zipf_match(v), zipf_match_paper(v)}; };
  check_every_scalar(by_variance, 0.02);
  for (const double words : {5.0, 30522.0, 2e6}) check_every_scalar(by_words, words);
  check_every_scalar(by_sharing, 0.7);
}

TEST_CASE("the match probability follows the vocabulary as it does from word to word") {
  for (const double v : {40.0, 30522.0}) {
    const double measured = (zipf_match(v + 1) - zipf_match(v - 1)) / 2;
    CHECK(zipf_match(scalar::Jet<1>(v, 0)).slopes[0] == Approx(measured).epsilon(2 / (v * v)));
  }
}

TEST_CASE("a larger vocabulary matches less often") {
  Random random(71);
  for (int i = 0; i < 20; ++i) {
    const double v = std::floor(random.log_uniform(2, 1e5));
    CHECK(zipf_match(2 * v) < zipf_match(v));
    CHECK(zipf_match(v) < 1);
  }
}

}  // namespace
}  // namespace sigprop::test
