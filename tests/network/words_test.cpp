// SPDX-License-Identifier: Apache-2.0
#include "sigprop/network/words.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "sigprop/formula/embedding.hpp"
#include "sigprop/network/gram.hpp"

namespace {

using namespace sigprop;
using network::Gram;
using network::gram_of;
using network::Text;
using network::ZipfLaw;

TEST_CASE("the match of Zipf's law is the formula's, and that of any exponent a sum") {
  for (const double vocabulary : {2.0, 30.0, 30522.0, 1e6, 1e9}) {
    INFO("V = " << vocabulary);
    CHECK(ZipfLaw(vocabulary).match() == Approx(formula::zipf_match(vocabulary)).epsilon(1e-9));
  }
  for (const double exponent : {0.0, 0.7, 1.0 + 1e-9, 1.8}) {
    double first = 0, second = 0;
    for (double rank = 50000; rank >= 1; --rank) {
      first += std::pow(rank, -exponent);
      second += std::pow(rank, -2 * exponent);
    }
    INFO("exponent " << exponent);
    CHECK(ZipfLaw(50000, exponent).match() == Approx(second / (first * first)).epsilon(1e-9));
  }
}

TEST_CASE("an exponent is found for every match") {
  for (const double vocabulary : {2.0, 100.0, 30522.0, 1e9}) {
    for (const double match : {1.0001 / vocabulary, 0.01, 0.1, 0.6, 0.999}) {
      if (match < 1 / vocabulary) continue;
      INFO("V = " << vocabulary << ", match " << match);
      CHECK(ZipfLaw(vocabulary, network::exponent_of(match, vocabulary)).match() == Approx(match).epsilon(1e-8));
    }
  }
  CHECK(network::exponent_of(formula::zipf_match(30522.0), 30522) == Approx(1).epsilon(1e-9));
}

TEST_CASE("a rank is where the law passes a probability, also beyond what is tabulated") {
  const double vocabulary = 200000;
  for (const double exponent : {0.5, 1.0, 1.5}) {
    const ZipfLaw law(vocabulary, exponent);
    double sum = 0, all = 0;
    for (double rank = 1; rank <= vocabulary; ++rank) all += std::pow(rank, -exponent);
    for (double rank = 1; rank <= vocabulary; ++rank) {
      const double probability = std::pow(rank, -exponent);
      if (rank < 4 || static_cast<long>(rank) % 9973 == 0) {
        INFO("exponent " << exponent << ", rank " << rank);
        CHECK(law.rank((sum + 0.5 * probability) / all) == static_cast<std::uint64_t>(rank));
      }
      sum += probability;
    }
    CHECK(law.rank(0) == 1);
    CHECK(law.rank(1 - 1e-16) == static_cast<std::uint64_t>(vocabulary));
  }
}

TEST_CASE("matches of a text are parts of its pairs") {
  // Within: 1 of 6 pairs, 3 of 6, none; the fifth token lies beyond the length. Across: 2 of 3
  // times 16.
  const Text text = network::text_of("ids.json", {{0, 1, 2, 1, 9}, {3, 3, 3, 4, 9}, {1, 6, 7, 8, 9}}, 4);
  CHECK(text.match == Approx((1 + 3 + 0) / 18.0));
  CHECK(text.match_across == Approx(2 / 48.0));
  CHECK(network::text_of("", {{1, 1}}, 2).match == 1);
  CHECK(network::text_of("", {{1}}, 1).match == 0);
}

TEST_CASE("products of tokens have a root, also where tokens are equal") {
  const Gram gram = gram_of("g.npy", 3, {1, 1, 0.5, 1, 1, 0.5, 0.5, 0.5, 4});
  CHECK(gram.mean_own() == Approx(2));
  CHECK(gram.mean_of_pairs() == Approx((1 + 0.5 + 0.5) / 3));
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      double product = 0;
      for (std::size_t k = 0; k < 3; ++k) product += gram.root[3 * i + k] * gram.root[3 * j + k];
      CHECK(product == Approx(gram.products[3 * i + j]).margin(1e-12));
    }
  }
}

std::string reason(std::size_t tokens, std::vector<double> products) {
  try {
    static_cast<void>(gram_of("", tokens, std::move(products)));
  } catch (const std::domain_error& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("numbers that are no products of tokens are refused with their place") {
  CHECK(reason(2, {1, 0.5, 0.4, 1}) == "row 1, column 2 is 0.5, but must be what stands in row 2, column 1");
  CHECK(reason(2, {1, 2, 2, 1}) == "row 1, column 2 is 2, but must be at most the root of both tokens' second moments");
  CHECK(reason(2, {-1, 0, 0, 1}) == "row 1, column 1 is -1, but must be at least 0: it is a token's second moment");
  CHECK(reason(1, {std::nan("")}) == "row 1, column 1 is nan, but must be a number from -1e12 to 1e12");
  CHECK(reason(2, {0, 0, 0, 0}) == "all products are 0, but some token must have a second moment");
  const double r = -0.9;
  CHECK(reason(3, {1, r, r, r, 1, r, r, r, 1}).starts_with("products of tokens are positive semidefinite"));
}

}  // namespace
