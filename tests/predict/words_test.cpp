// SPDX-License-Identifier: Apache-2.0
// Sequences of words without a mask: which sequences stand for all, and what their rows make of
// keys that differ.
#include <catch2/catch.hpp>
#include <cmath>

#include "predict/tokens/row_law.hpp"
#include "predict/tokens/word_sequences.hpp"
#include "sigprop/formula/embedding.hpp"
#include "sigprop/formula/softmax_means.hpp"
#include "sigprop/network/knobs.hpp"
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
                            predict::drawn_rows(words.groups, keys(words), 3, 32, 1)}) {
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
  const RowLaw law = predict::drawn_rows(words.groups, x, 2, 16, 1);
  CHECK(law.one.mixed == Approx(1));
  CHECK(law.squares == Approx(0.25));
  CHECK(law.one.query == Approx(0).margin(1e-12));
  CHECK(law.one.shift == Approx(0).margin(1e-12));
}

TEST_CASE("drawn rows agree with the closed law of small scores") {
  const WordSequence words = sequence();
  const RowLaw closed = predict::small_scores(words.groups, keys(words), 0.02);
  const RowLaw drawn = predict::drawn_rows(words.groups, keys(words), 0.02, 64, 1);
  CHECK(drawn.one.mixed == Approx(closed.one.mixed).epsilon(0.01));
  CHECK(drawn.one.query == Approx(closed.one.query).epsilon(0.03));
  CHECK(drawn.one.key == Approx(closed.one.key).epsilon(0.05));
  CHECK(drawn.entropy == Approx(closed.entropy).epsilon(1e-3));
  const auto at = [](const RowLaw& law, const std::vector<double>& values) {
    return RowLaw::over(values, law.bases(MatrixXd::Constant(1, 1, 0.3)))(0, 0);
  };
  CHECK(at(drawn, drawn.query) == Approx(at(closed, closed.query)).epsilon(0.03));
  CHECK(drawn.lost_mixed == Approx(closed.lost_mixed).epsilon(0.01));
  CHECK(drawn.lost_query == Approx(closed.lost_query).epsilon(0.03));
}

TEST_CASE("over tokens that are exchangeable drawn rows have the functionals of the softmax") {
  constexpr Index length = 24;
  const TokenGroups groups = TokenGroups::of(std::vector<Index>(length, 0));
  MatrixXd x(1, 2);  // second moment 1, and 0.2 for two tokens
  x << 1, 0.2;
  for (const double v : {0.5, 3.0}) {
    const RowLaw law = predict::drawn_rows(groups, x, v, 64, 1);
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
  CHECK(profile.sequence_scatter > 0);
  predict::Options alike;
  alike.sequences = 0;
  CHECK(predicted(words_spec(), alike).sequences == 0);

  json masked = words_spec();
  masked["stack"]["attention"]["mask"] = "causal";
  CHECK_THROWS_MATCHES(
      predicted(masked, options), predict::NotCovered,
      Message("sequences of words are followed by the theory full, without a mask; leave out --sequences"));
  CHECK_THROWS_MATCHES(predicted(test::small_stack(), options), predict::NotCovered,
                       Message("sequences of words need an embedding: leave out --sequences"));
  json rotary = words_spec();
  rotary["stack"]["attention"]["rotary_base"] = 10000;
  CHECK_THROWS_AS(predicted(rotary, options), predict::NotCovered);
  const profile::Profile all_alike = predicted(rotary, {});
  CHECK(all_alike.sequences == 0);
  CHECK(all_alike.warnings.back() ==
        "all tokens count as alike, though they are not: layer 1/attention: rotary positions without a mask on words "
        "are not covered by "
        "this theory yet");
}

TEST_CASE("behind a mask the first point has the effective rank of its words, and of what dropout leaves of them") {
  json masked = words_spec();
  masked["input"]["embedding"]["tables"] = {"token"};
  const auto rank = [](const json& spec) { return test::predicted(spec).points.front().forward.effective_rank->value; };
  const double words = rank(masked);
  masked["stack"]["attention"]["mask"] = "causal";
  CHECK(rank(masked) == Approx(words).epsilon(0.05));
  masked["input"]["embedding"]["dropout"] = 0.5;
  const double dropped = rank(masked);
  masked["stack"]["attention"]["mask"] = "none";
  CHECK(dropped == Approx(rank(masked)).epsilon(0.05));
  CHECK(dropped > 1.1 * words);
}

TEST_CASE("words are followed wherever they repeat, in fewer sequences of deep and of long models") {
  const auto sequences = [](const json& spec) { return test::predicted(spec).sequences; };
  CHECK(sequences(words_spec()) == 8);
  json deep = words_spec();
  deep["stack"]["layers"] = 48;
  CHECK(sequences(deep) == 2);
  json positions = words_spec();
  positions["input"]["embedding"]["tables"] = {"position"};
  CHECK(sequences(positions) == 0);
  CHECK(test::predicted(words_spec(), predict::Theory::paper).sequences == 0);
}

TEST_CASE("of a long sequence's words the rare ones are told apart by how often they occur") {
  constexpr std::size_t length = 1500;
  const auto tables = embedding(1, 0, 0.5);
  const WordSequence words = predict::word_sequences(tables, length, 2).front();
  CHECK(words.groups.count() <= 160);
  CHECK(words.beginning(300, {}).groups.tokens() == 300);
  // Pairs of equal tokens are counted, whatever is a group.
  double match = 0;
  for (const WordSequence& sequence : predict::word_sequences(tables, length, 8))
    match += (sequence.groups.total(sequence.same_word) - length) / (8 * length * (length - 1.0));
  CHECK(match == Approx(formula::zipf_match(tables.vocabulary)).epsilon(0.03));
}

TEST_CASE("a very long sequence has few groups") {
  const auto tables = embedding(1, 0, 0.5);
  const WordSequence words = predict::word_sequences(tables, 100000, 2).back();
  CHECK(words.groups.count() <= 160);
  CHECK(words.groups.tokens() == 100000);
}

TEST_CASE("without queries words have even attention, and slopes") {
  json spec = words_spec();
  spec["init"]["std"]["query"] = 0;
  const profile::Profile profile = test::predicted(spec);
  CHECK(profile.sequences == 8);
  CHECK(profile.layers[0].attention->score_variance.value == 0);
  CHECK(profile.layers[0].attention->entropy->value ==
        Approx(std::log(static_cast<double>(test::network_of(spec).sequence_length))));
  CHECK(std::isfinite(profile.points.back().forward.variance.value));
}

TEST_CASE("a law of rows is smooth between the closed one and the drawn one") {
  const WordSequence words = sequence();
  const auto trace = [&](double v) { return predict::row_law(words.groups, keys(words), v, v, 64, 1).one.query; };
  CHECK(trace(0.1) == predict::small_scores(words.groups, keys(words), 0.1).one.query);
  CHECK(trace(0.2) == predict::drawn_rows(words.groups, keys(words), 0.2, 64, 1).one.query);
  // A switch at one place would be a step of what the laws differ by there.
  const double between = predict::small_scores(words.groups, keys(words), 0.15).one.query -
                         predict::drawn_rows(words.groups, keys(words), 0.15, 64, 1).one.query;
  REQUIRE(std::abs(between) > 1e-4);
  constexpr double step = 1e-3;
  const double drawn_slope = predict::drawn_rows(words.groups, keys(words), 0.15 + step, 64, 1).one.query -
                             predict::drawn_rows(words.groups, keys(words), 0.15, 64, 1).one.query;
  for (double v = 0.1; v < 0.2; v += step)
    CHECK(std::abs(trace(v + step) - trace(v)) < std::abs(drawn_slope) + 0.3 * std::abs(between));
}

TEST_CASE("slopes follow the words of the prediction") {
  const auto norm = [](const profile::Profile& profile) { return *profile.layers[0].weights[0].gradient_norm; };
  const auto gradient_norm = [&](const json& spec) { return norm(test::predicted(spec)).value; };
  const network::Network network = test::network_of(words_spec());
  std::vector<network::Knob> knobs = network::knobs_of(network);
  std::erase_if(knobs, [](const network::Knob& knob) { return knob.name != "init.std.query"; });
  REQUIRE(knobs.size() == 1);
  const predict::Slopes found = predict::slopes(network, predict::Theory::full, {}, knobs, norm);
  CHECK(found.by_differences);
  CHECK(found.value.value == Approx(gradient_norm(words_spec())).epsilon(1e-12));
  const auto moved = [&](double by) {
    json spec = words_spec();
    spec["init"]["std"]["query"] = knobs[0].lowest * std::exp(by);
    return gradient_norm(spec);
  };
  CHECK(found.by_knob[0] == Approx(std::log(moved(0.01) / moved(-0.01)) / 0.02).epsilon(1e-2));
}

}  // namespace
