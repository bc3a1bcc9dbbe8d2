// SPDX-License-Identifier: Apache-2.0
// Words that an encoder reads, and what a decoder's cross-attention makes of them.
#include <catch2/catch.hpp>
#include <cmath>

#include "predict/tokens/grouped_tokens.hpp"
#include "predict/tokens/unmasked_rows.hpp"
#include "predict/tokens/word_memory.hpp"
#include "predict/tokens/word_sequences.hpp"
#include "sigprop/network/knobs.hpp"
#include "sigprop/profile/quantities.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using Eigen::MatrixXd;
using nlohmann::json;
using predict::KeyLaw;
using predict::TokenGroups;

/// Two Pre-LN stacks over an embedding; the decoder has a mask.
json two_stacks(const json& tables = {"token", "position"}) {
  json spec = test::changed({{"layers", 2}});
  spec["input"] = {{"embedding", {{"vocabulary", 2000}, {"tables", tables}}}};
  spec["init"]["std"]["embedding"] = 1;
  return test::encoder_decoder_of(spec);
}

profile::Profile predicted(const json& spec, std::optional<std::size_t> sequences = {}) {
  predict::Options options;
  options.sequences = sequences;
  return test::predicted(spec, predict::Theory::full, options);
}

double norm_of(const profile::Profile& profile, std::size_t layer, std::size_t weight) {
  return profile.layers[layer].weights[weight].gradient_norm->value;
}

/// The decoder's weights follow the encoder's: four of its self-attention, then those that cross.
constexpr std::size_t decoder = 2, cross_query = 4, cross_key = 5, cross_value = 6;

/// Relative to the prediction for tokens that are all alike.
struct Errors {
  double points, weights, encoder_scores;
};

void check_close(const profile::Profile& words, const profile::Profile& alike, const Errors& errors) {
  for (std::size_t i = 0; i < words.points.size(); ++i) {
    const profile::Point &w = words.points[i], &a = alike.points[i];
    INFO(w.path);
    const double q = a.forward.second_moment.value, g = a.backward.variance.value;
    CHECK(w.forward.second_moment.value == Approx(q).epsilon(errors.points));
    CHECK(w.forward.token_dot.value == Approx(a.forward.token_dot.value).margin(errors.points * q));
    CHECK(w.backward.variance.value == Approx(g).epsilon(errors.points));
    CHECK(w.backward.token_dot.value == Approx(a.backward.token_dot.value).margin(errors.points * g));
    if (!a.forward.cross_dot) continue;
    CHECK(w.forward.cross_dot->value == Approx(a.forward.cross_dot->value).margin(errors.points * q));
    CHECK(w.backward.cross_dot->value == Approx(a.backward.cross_dot->value).margin(errors.points * g));
  }
  for (std::size_t layer = 0; layer < words.layers.size(); ++layer) {
    for (std::size_t weight = 0; weight < words.layers[layer].weights.size(); ++weight) {
      INFO(words.layers[layer].path << ' ' << words.layers[layer].weights[weight].name);
      const bool encoder_scores = layer < decoder && weight < 2;
      CHECK(norm_of(words, layer, weight) ==
            Approx(norm_of(alike, layer, weight)).epsilon(encoder_scores ? errors.encoder_scores : errors.weights));
    }
  }
}

/// Positions alone: no token is another's like. Where scores are small W_q and W_k also follow the
/// directions that tokens prefer, which words do not have.
TEST_CASE("an encoder whose words never repeat gives what tokens give that are all alike") {
  json spec = two_stacks({"position"});
  spec["gradient"] = {{"token_correlation", 0.2}};
  for (const char* part : {"query", "key"}) spec["init"]["std"][part] = 0.02;
  const profile::Profile words = predicted(spec, 2);
  CHECK(words.sequences == 2);
  check_close(words, predicted(spec, 0), {1e-3, 0.01, 0.08});
}

TEST_CASE("the same of a batch, in which tokens of one position are alike, which alike tokens have on the mean") {
  json spec = two_stacks({"position"});
  spec["gradient"] = {{"token_correlation", 0.2}, {"cross_correlation", 0.1}};
  spec["batch"] = 2;
  for (const char* part : {"query", "key"}) spec["init"]["std"][part] = 0.02;
  check_close(predicted(spec, 2), predicted(spec, 0), {0.01, 0.08, 0.08});
}

TEST_CASE("words that an encoder reads are followed of themselves, and the decoder's numbers are as behind a mask") {
  const json spec = two_stacks({"token"});
  const profile::Profile words = predicted(spec), alike = predicted(spec, 0);
  CHECK(words.sequences == 8);
  CHECK(words.sequence_scatter > 0);
  CHECK(words.prefix == "actual");
  CHECK_FALSE(words.points.front().forward.ends.has_value());
  CHECK(words.points.back().forward.ends.has_value());
  CHECK(words.points.back().path == alike.points.back().path);
  CHECK(norm_of(words, 0, 0) > 1.05 * norm_of(alike, 0, 0));
  CHECK(norm_of(words, decoder, cross_query) > 1.05 * norm_of(alike, decoder, cross_query));
  CHECK(norm_of(words, decoder, cross_key) > 1.05 * norm_of(alike, decoder, cross_key));
  CHECK(norm_of(words, decoder, cross_value) == Approx(norm_of(alike, decoder, cross_value)).epsilon(0.1));
  CHECK(words.layers[decoder].cross_attention->score_variance.value > 0);
}

TEST_CASE("a decoder without a mask has words of its own") {
  json spec = two_stacks();
  spec["decoder"]["attention"].erase("mask");
  const profile::Profile words = predicted(spec), alike = predicted(spec, 0);
  CHECK(words.sequences == 8);
  CHECK(words.prefix.empty());
  CHECK_FALSE(words.points.back().forward.ends.has_value());
  for (const std::size_t weight : {std::size_t{0}, std::size_t{1}, cross_query, cross_key})
    CHECK(norm_of(words, decoder, weight) > 1.02 * norm_of(alike, decoder, weight));
}

TEST_CASE("a gradient at some of a decoder's tokens leaves the encoder's words in their groups") {
  for (const char* mask : {"none", "causal"}) {
    json spec = two_stacks();
    spec["decoder"]["attention"]["mask"] = mask;
    spec["gradient"] = {{"at", "last"}};
    const profile::Profile words = predicted(spec);
    INFO("mask " << mask);
    CHECK(words.sequences == 8);
    CHECK_FALSE(words.points.front().forward.ends.has_value());
    CHECK(words.points.back().backward.ends->last.value == Approx(1));
    CHECK(words.points.back().backward.ends->first.value == Approx(0).margin(1e-12));
    CHECK(words.points.front().backward.variance.value > 0);
  }
}

TEST_CASE("where an encoder's words are not followed tokens count as alike, and a warning says why") {
  json spec = two_stacks();
  spec["encoder"]["attention"]["rotary_base"] = 10000;
  const profile::Profile profile = predicted(spec);
  CHECK(profile.sequences == 0);
  CHECK(profile.prefix == "actual");
  CHECK(profile.warnings.back() ==
        "all tokens count as alike, though they are not: encoder/layer 1/attention: rotary positions without a mask on "
        "words are not covered by "
        "this theory yet");
  CHECK_THROWS_AS(predicted(spec, 2), predict::NotCovered);
}

TEST_CASE("slopes follow the words of an encoder", "[bulk]") {
  const auto cross = [](const profile::Profile& profile) {
    return *profile.layers[decoder].weights[cross_query].gradient_norm;
  };
  json spec = two_stacks();
  const network::Network network = test::network_of(spec);
  std::vector<network::Knob> knobs = network::knobs_of(network);
  std::erase_if(knobs, [](const network::Knob& knob) { return knob.name != "init.std.key"; });
  REQUIRE(knobs.size() == 1);
  const predict::Slopes found = predict::slopes(network, predict::Theory::full, {}, knobs, cross);
  CHECK(found.by_differences);
  CHECK(found.value.value == Approx(cross(predicted(spec)).value).epsilon(1e-12));
  const auto moved = [&](double by) {
    spec["init"]["std"]["key"] = knobs[0].lowest * std::exp(by);
    return cross(predicted(spec)).value;
  };
  CHECK(found.by_knob[0] == Approx(std::log(moved(0.01) / moved(-0.01)) / 0.02).epsilon(1e-2));
}

/// Products of four tokens, each by itself, with a word twice.
MatrixXd products() {
  MatrixXd out = MatrixXd::Identity(4, 4);
  out(0, 2) = out(2, 0) = 1;
  return out;
}

/// A decoder's cross-attention over four tokens of an encoder that are all different, half of their
/// directions preferred: what its outputs prefer.
TEST_CASE("behind cross-attention over words tokens prefer what the encoder's do") {
  json spec = test::small_stack();
  spec["sequence_length"] = 4;
  const auto network = network::lifted<double>(test::network_of(spec));
  predict::AttentionOp<double> op;
  op.width = 64;
  op.heads = op.kv_heads = 2;
  op.head_width = 32;
  op.cross = true;
  op.score_scale = 0.18;
  op.query_std = op.key_std = 0.05;
  op.value_std = op.output_std = 0.1;
  const auto participation_behind = [&](double of_memory) {
    predict::GroupedTokens field(network, TokenGroups::of({0, 1, 2, 3}), MatrixXd(MatrixXd::Identity(4, 4)), 1, {});
    const TokenGroups groups = TokenGroups::of({0, 1, 2, 3});
    std::vector<predict::WordMemory> memory;
    memory.emplace_back(predict::TokenPairs{&groups, MatrixXd::Identity(4, 4), {}});
    field.attend_to(std::move(memory), of_memory);
    const auto source = field.source({0, 1, 0, 0}, 0, 1);
    const predict::GroupedTokens::Signal x{source, field.all(0), 64, {1.0 / 64, 1}};
    return field.anisotropy(field.attend(op, x), x).participation;
  };
  const double isotropic = participation_behind(1.0 / 64), preferred = participation_behind(0.5);
  // Heads see the keys' directions one by one; a little of the outputs follows the queries.
  CHECK(preferred - isotropic == Approx((0.5 - 1.0 / 64) / op.heads).epsilon(0.05));
}

TEST_CASE("a memory has one law for queries of one size, and sums its gradients") {
  const TokenGroups groups = TokenGroups::of({0, 1, 2, 3});
  predict::WordMemory memory({&groups, products(), {}});
  predict::RowQueries rows;
  rows.own = 1;
  const auto law = memory.law(rows, 0.05, 16, 1);
  CHECK(memory.law(rows, 0.05 * (1 + 1e-8), 16, 1) == law);
  CHECK(memory.law(rows, 0.051, 16, 1) != law);
  CHECK(memory.law(rows, 0.05, 32, 1) != law);
  CHECK(law->own == 1);
  CHECK(law->spread == Approx(1 - 2.0 / 12));
  memory.add(MatrixXd::Constant(4, 4, 2), {});
  CHECK_FALSE(memory.gradient().has_across());
  memory.add(MatrixXd::Constant(4, 4, 1), 0.5);
  memory.add(MatrixXd::Zero(4, 4), 0.25);
  CHECK(memory.gradient().within(1, 2) == 3);
  CHECK(memory.gradient().across(3, 1) == 0.75);
}

TEST_CASE("the mean of laws has the mean of their numbers") {
  const TokenGroups groups = TokenGroups::of({0, 1, 2, 3});
  const predict::RowLaw a = predict::small_scores(groups, products(), 0.02);
  const predict::RowLaw b = predict::small_scores(groups, MatrixXd::Identity(4, 4), 0.05);
  const predict::RowLaw mean = predict::mean_numbers({&a, &b});
  CHECK(mean.nodes == a.nodes);
  CHECK(mean.mixed[2] == Approx((a.mixed[2] + b.mixed[2]) / 2));
  CHECK(mean.key[3] == Approx((a.key[3] + b.key[3]) / 2));
  CHECK(mean.one.key_shift == Approx((a.one.key_shift + b.one.key_shift) / 2));
  CHECK(mean.lost_key == Approx((a.lost_key + b.lost_key) / 2));
  CHECK(mean.weights.empty());
}

}  // namespace
