// SPDX-License-Identifier: Apache-2.0
#include "verify/pairs.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <stdexcept>

namespace {

using namespace sigprop;
using profile::Quantity;
using verify::Pair;

/// Input, two points in each of two layers, each point with a correlation of its own.
profile::Profile made() {
  profile::Profile out;
  const char* paths[] = {"input", "layer 1/attention", "layer 1/ffn", "layer 2/attention", "layer 2/ffn"};
  for (std::size_t i = 0; i < 5; ++i) {
    profile::Point point;
    point.index = i;
    point.path = paths[i];
    point.layer = (i + 1) / 2;
    const auto x = static_cast<double>(i);
    point.forward = {.mean = -3.0,
                     .variance = 7.0,
                     .second_moment = 16.0,
                     .token_dot = 5.0,
                     .cross_dot = Quantity(2.0),
                     .token_correlation = 0.1 * x,
                     .rank_residual = 0.5,
                     .effective_rank = 11.0,
                     .ends = {},
                     .tokens = {},
                     .gram = {}};
    point.backward = {.variance = 9.0,
                      .token_dot = 4.0,
                      .cross_dot = Quantity(1.0),
                      .token_correlation = 0.3,
                      .norm = 40.0,
                      .ends = {},
                      .tokens = {}};
    out.points.push_back(point);
  }
  for (std::size_t i = 1; i <= 2; ++i) {
    profile::Layer layer;
    layer.index = i;
    layer.path = "layer " + std::to_string(i);
    layer.attention = profile::AttentionMetrics{.score_variance = 0.7, .entropy = 3.0, .entropy_fraction = 0.75};
    layer.cross_attention = profile::AttentionMetrics{.score_variance = 0.8, .entropy = 2.0, .entropy_fraction = 0.25};
    layer.weights = {{.name = "query", .role = profile::WeightRole::query, .gradient_norm = 6.0},
                     {.name = "key", .role = profile::WeightRole::key, .gradient_norm = 6.0},
                     {.name = "value", .role = profile::WeightRole::value, .gradient_norm = 8.0}};
    out.layers.push_back(layer);
  }
  return out;
}

Pair pair_at(const std::vector<Pair>& pairs, const std::string& path, const std::string& quantity) {
  for (const Pair& pair : pairs) {
    if (pair.path == path && pair.quantity == quantity) return pair;
  }
  throw std::logic_error("no pair " + path + " " + quantity);
}

TEST_CASE("an error is relative to the number that the table of quantities names") {
  const std::vector<Pair> pairs = verify::pairs_of(made(), made());
  const auto scale = [&](const char* path, const char* quantity) { return pair_at(pairs, path, quantity).scale; };
  CHECK(scale("input", "forward.mean") == 4);  // √16
  CHECK(scale("input", "forward.variance") == 7);
  CHECK(scale("input", "forward.token_dot") == 16);
  CHECK(scale("input", "forward.cross_dot") == 16);
  CHECK(scale("input", "forward.token_correlation") == 1);
  CHECK(scale("input", "forward.effective_rank") == 11);
  CHECK(scale("input", "backward.token_dot") == 9);
  CHECK(scale("layer 1", "attention.score_variance") == 0.7);
  CHECK(scale("layer 1", "attention.entropy") == Approx(4));        // ln L = 3/0.75
  CHECK(scale("layer 1", "cross_attention.entropy") == Approx(8));  // of its own keys: 2/0.25
  CHECK(scale("layer 1", "weights.value.gradient_norm") == 8);
}

TEST_CASE("the scale of a negative number is its size, and that of an entropy without its fraction is 1") {
  profile::Profile profile = made();
  profile.points[0].forward.effective_rank = -11.0;
  profile.layers[0].attention->entropy_fraction.reset();
  const std::vector<Pair> pairs = verify::pairs_of(profile, made());
  CHECK(pair_at(pairs, "input", "forward.effective_rank").scale == 11);
  CHECK(pair_at(pairs, "layer 1", "attention.entropy").scale == 1);
}

TEST_CASE("a point's context counts the points before and after it; a layer has that of the point it reads") {
  const std::vector<Pair> pairs = verify::pairs_of(made(), made());
  const auto check = [&](const char* path, const char* quantity, double before) {
    const verify::Context context = pair_at(pairs, path, quantity).context;
    INFO(path);
    CHECK(context.before == before);
    CHECK(context.after == 4 - before);
    CHECK(context.token_correlation == Approx(0.1 * before));
  };
  check("input", "forward.mean", 0);
  check("layer 1/attention", "forward.mean", 1);
  check("layer 2/ffn", "forward.mean", 4);
  check("layer 1", "attention.entropy", 0);
  check("layer 2", "attention.entropy", 2);
  check("layer 2", "weights.query.gradient_norm", 2);
}

TEST_CASE("a pair tells whether it is of a layer, and of which") {
  const std::vector<Pair> pairs = verify::pairs_of(made(), made());
  CHECK_FALSE(pair_at(pairs, "layer 1/ffn", "forward.mean").of_layer);
  CHECK(pair_at(pairs, "layer 1/ffn", "forward.mean").index == 2);
  CHECK(pair_at(pairs, "layer 2", "attention.entropy").of_layer);
  CHECK(pair_at(pairs, "layer 2", "attention.entropy").index == 1);
}

TEST_CASE("the gradients of queries and keys have an error of their own") {
  const std::vector<Pair> pairs = verify::pairs_of(made(), made());
  for (const char* name : {"query", "key"})
    CHECK(pair_at(pairs, "layer 1", std::string("weights.") + name + ".gradient_norm").kind ==
          verify::Kind::score_weight);
  CHECK(pair_at(pairs, "layer 1", "weights.value.gradient_norm").kind == verify::Kind::value_weight);
  CHECK(pair_at(pairs, "layer 1", "attention.entropy").kind == verify::Kind::entropy);
}

TEST_CASE("an entropy fraction is its entropy in other units, and no pair") {
  for (const Pair& pair : verify::pairs_of(made(), made())) CHECK(pair.quantity.find("fraction") == std::string::npos);
}

TEST_CASE("what a double does not hold, or one side does not have, is no pair") {
  const std::size_t all = verify::pairs_of(made(), made()).size();
  profile::Profile profile = made();
  profile.points[0].forward.variance = Quantity(0, -400);
  CHECK(verify::pairs_of(profile, made()).size() == all - 1);
  CHECK(verify::pairs_of(made(), profile).size() == all);  // a measured number that underflows is 0
  profile = made();
  profile.points[0].forward.cross_dot.reset();
  CHECK(verify::pairs_of(profile, made()).size() == all - 1);
  CHECK(verify::pairs_of(made(), profile).size() == all - 1);
  profile = made();
  profile.layers[0].weights.pop_back();
  CHECK(verify::pairs_of(profile, made()).size() == all - 1);
  CHECK(verify::pairs_of(made(), profile).size() == all - 1);
}

TEST_CASE("tokens, and pairs of them, are named; lists of different length are left out") {
  profile::Profile profile = made();
  profile.gram_tokens = {1, 4};
  for (profile::Point& point : profile.points) {
    point.forward.tokens = {1.0, 2.0};
    point.forward.gram = {1.0, 2.0, 3.0};
  }
  const std::vector<Pair> pairs = verify::pairs_of(profile, profile);
  CHECK(pair_at(pairs, "layer 1/attention, token 2", "forward.tokens.second_moment").predicted.value == 2);
  CHECK(pair_at(pairs, "layer 1/attention, tokens 4 and 1", "forward.gram").predicted.value == 2);
  CHECK(pair_at(pairs, "layer 1/attention, tokens 4 and 4", "forward.gram").scale == 16);
  profile::Profile other = profile;
  other.points[1].forward.tokens.pop_back();
  CHECK(verify::pairs_of(profile, other).size() == pairs.size() - 2);
}

TEST_CASE("profiles of different places are refused") {
  profile::Profile fewer_points = made(), fewer_layers = made();
  fewer_points.points.pop_back();
  fewer_layers.layers.pop_back();
  const char* message = "prediction and measurement report different places";
  CHECK_THROWS_WITH(verify::pairs_of(made(), fewer_points), message);
  CHECK_THROWS_WITH(verify::pairs_of(made(), fewer_layers), message);
}

}  // namespace
