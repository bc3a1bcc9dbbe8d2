// SPDX-License-Identifier: Apache-2.0
// Sequences of words without a mask: which sequences stand for all, and what their rows make of
// keys that differ.
#include <catch2/catch.hpp>
#include <cmath>

#include "predict/tokens/row_law.hpp"
#include "predict/tokens/word_sequences.hpp"
#include "sigprop/formula/embedding.hpp"
#include "sigprop/formula/softmax_means.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using Catch::Matchers::Message;
using Eigen::Index;
using Eigen::MatrixXd;
using nlohmann::json;
using predict::RowLaw;
using predict::TokenGroups;
using predict::WordSequence;

network::BasicEmbedding<double, double> embedding(double token, double position, double segment) {
  network::BasicEmbedding<double, double> out;
  out.vocabulary = 5000;
  out.token = {token > 0, token};
  out.position = {position > 0, position};
  out.segment = {segment > 0, segment};
  return out;
}

/// Seven tokens: a word three times, once of them in the second segment; one twice; two once.
WordSequence sequence() {
  return {{3, 9, 3, 4, 9, 3, 5}, 4};
}

TEST_CASE("tokens of one word and segment are a group, and so are those of a segment whose words occur once") {
  const WordSequence words = sequence();
  // Groups: word 3 before and after the border, word 9 likewise, the single words 4 and 5.
  REQUIRE(words.groups.count() == 6);
  CHECK(words.groups.of_token(0) == words.groups.of_token(2));
  CHECK(words.groups.of_token(0) != words.groups.of_token(5));
  CHECK(words.groups.of_token(3) != words.groups.of_token(6));
  const MatrixXd x = words.products(embedding(1, 0.5, 0.25));
  const auto product = [&](double i, double j) { return words.groups.of_pair(x, i, j); };
  const double word = 1, position = 0.25, segment = 0.0625;
  CHECK(product(1, 1) == Approx(word + position + segment));
  CHECK(product(1, 3) == Approx(word + segment));
  CHECK(product(1, 6) == Approx(word));
  CHECK(product(1, 4) == Approx(segment));
  CHECK(product(4, 7) == 0);
}

TEST_CASE("the sequences that stand for all have their number of equal words, the same at every call") {
  constexpr std::size_t length = 64;
  const auto tables = embedding(1, 0, 0);
  const double expected = formula::zipf_match(tables.vocabulary);
  for (const std::size_t count : {std::size_t{4}, std::size_t{16}}) {
    double match = 0;
    for (const WordSequence& words : predict::word_sequences(tables, length, count)) {
      const double pairs = words.groups.total(words.same_word) - length;
      match += pairs / (length * (length - 1)) / static_cast<double>(count);
    }
    INFO(count << " sequences: " << match << ", expected " << expected);
    CHECK(match == Approx(expected).epsilon(0.02));
  }
  auto many_words = tables;
  many_words.vocabulary = 1e9;
  double match = 0;
  for (const WordSequence& words : predict::word_sequences(many_words, length, 16))
    match += (words.groups.total(words.same_word) - length) / (length * (length - 1)) / 16;
  CHECK(match == Approx(formula::zipf_match(many_words.vocabulary)).epsilon(0.05));
  const auto once = predict::word_sequences(tables, length, 3), again = predict::word_sequences(tables, length, 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(once[i].same_word == again[i].same_word);
}

/// Words, positions and segments behind a norm.
MatrixXd keys(const WordSequence& words) {
  return words.products(embedding(std::sqrt(0.6), std::sqrt(0.3), std::sqrt(0.1)));
}

TEST_CASE("weights of a row sum to 1, and what a constant shift of scores does is nothing") {
  const WordSequence words = sequence();
  for (const RowLaw& law : {predict::small_scores(words.groups, keys(words), 0.03),
                            predict::drawn_rows(words.groups, keys(words), 3, 32)}) {
    for (const MatrixXd& weights : law.weights) CHECK(words.groups.total(weights) == Approx(1));
    CHECK(words.groups.total(law.one.weights) == Approx(1));
    for (const MatrixXd& key : law.key_weights) CHECK(words.groups.total(key) == Approx(0).margin(1e-12));
    CHECK(words.groups.total(law.one.key_weights) == Approx(0).margin(1e-12));
    CHECK(words.groups.total(law.lost_keys) == Approx(0).margin(1e-12));
  }
}

TEST_CASE("where all tokens are the same word, nothing but the weights' sum is left") {
  const WordSequence words({7, 7, 7, 7}, 4);
  const MatrixXd x = words.products(embedding(1, 0, 0));
  const RowLaw law = predict::drawn_rows(words.groups, x, 2, 16);
  CHECK(law.one.mixed == Approx(1));
  CHECK(law.squares == Approx(0.25));
  CHECK(law.one.query == Approx(0).margin(1e-12));
  CHECK(law.one.shift == Approx(0).margin(1e-12));
}

TEST_CASE("drawn rows agree with the closed law of small scores") {
  const WordSequence words = sequence();
  const RowLaw closed = predict::small_scores(words.groups, keys(words), 0.02);
  const RowLaw drawn = predict::drawn_rows(words.groups, keys(words), 0.02, 64);
  CHECK(drawn.one.mixed == Approx(closed.one.mixed).epsilon(0.01));
  CHECK(drawn.one.query == Approx(closed.one.query).epsilon(0.03));
  CHECK(drawn.one.key == Approx(closed.one.key).epsilon(0.05));
  CHECK(drawn.entropy == Approx(closed.entropy).epsilon(1e-3));
  CHECK(drawn.over(drawn.query, MatrixXd::Constant(1, 1, 0.3))(0, 0) ==
        Approx(closed.over(closed.query, MatrixXd::Constant(1, 1, 0.3))(0, 0)).epsilon(0.03));
  CHECK(drawn.lost_mixed == Approx(closed.lost_mixed).epsilon(0.01));
  CHECK(drawn.lost_query == Approx(closed.lost_query).epsilon(0.03));
}

TEST_CASE("over tokens that are exchangeable drawn rows have the functionals of the softmax") {
  constexpr Index length = 24;
  const TokenGroups groups = TokenGroups::of(std::vector<Index>(length, 0));
  MatrixXd x(1, 2);  // second moment 1, and 0.2 for two tokens
  x << 1, 0.2;
  for (const double v : {0.5, 3.0}) {
    const RowLaw law = predict::drawn_rows(groups, x, v, 64);
    const double spread = 0.8;
    const auto row = formula::softmax_row_means(v * spread, static_cast<double>(length), 64.0);
    CHECK(law.squares == Approx(row.squares).epsilon(0.04));
    CHECK(law.entropy == Approx(row.entropy).epsilon(0.01));
    CHECK(law.one.mixed == Approx(0.2 + spread * row.squares).epsilon(0.03));
    CHECK(law.one.query == Approx(spread * spread * row.query_jacobian).epsilon(0.06));
    CHECK(law.one.key == Approx(spread * spread * row.key_jacobian).epsilon(0.06));
  }
}

json words_spec() {
  json spec = test::small_stack();
  spec["input"] = {{"embedding", {{"vocabulary", 2000}, {"tables", {"token", "position"}}}}};
  spec["init"]["std"]["embedding"] = 1;
  return spec;
}

TEST_CASE("a prediction of words says of how many sequences, and what it does not follow") {
  predict::Options options;
  options.sequences = 2;
  const auto predicted = [&](const json& spec, const predict::Options& asked) {
    return test::predicted(spec, predict::Theory::full, asked);
  };
  const profile::Profile profile = predicted(words_spec(), options);
  CHECK(profile.sequences == 2);
  CHECK_FALSE(profile.points.front().forward.ends.has_value());
  CHECK(predicted(words_spec(), {}).sequences == 0);

  json masked = words_spec();
  masked["stack"]["attention"]["mask"] = "causal";
  CHECK_THROWS_MATCHES(
      predicted(masked, options), predict::NotCovered,
      Message("sequences of words are followed by the theory full, without a mask and without lists of "
              "tokens; leave out --sequences"));
  CHECK_THROWS_MATCHES(predicted(test::small_stack(), options), predict::NotCovered,
                       Message("sequences of words need an embedding: leave out --sequences"));
  json rotary = words_spec();
  rotary["stack"]["attention"]["rotary_base"] = 10000;
  CHECK_THROWS_AS(predicted(rotary, options), predict::NotCovered);
}

}  // namespace
