// SPDX-License-Identifier: Apache-2.0
#include "sigprop/profile/summary.hpp"

#include <catch2/catch.hpp>
#include <cmath>

namespace {

using namespace sigprop;

profile::AttentionMetrics with_entropy(double fraction) {
  return {.score_variance = 1, .entropy = 1, .entropy_fraction = fraction};
}

/// Two layers of one point each, nothing amiss.
profile::Profile healthy() {
  profile::Profile out;
  for (std::size_t i = 0; i <= 2; ++i) {
    profile::Point point;
    point.index = i;
    point.layer = i;
    point.path = i == 0 ? "input" : "layer " + std::to_string(i) + "/ffn";
    point.forward.variance = point.forward.second_moment = 1;
    point.forward.rank_residual = 0.5;
    point.backward.variance = 1;
    out.points.push_back(point);
  }
  for (std::size_t i = 1; i <= 2; ++i) {
    profile::Layer layer;
    layer.index = i;
    layer.path = "layer " + std::to_string(i);
    layer.attention = layer.cross_attention = with_entropy(0.9);
    out.layers.push_back(layer);
  }
  return out;
}

TEST_CASE("the entropy of attention and of cross-attention is judged, the first that collapses named") {
  profile::Profile profile = healthy();
  CHECK(profile::summarize(profile, {}, 16).verdicts.empty());
  profile.layers[1].cross_attention = with_entropy(0.05);
  const auto of_cross = profile::summarize(profile, {}, 16).verdicts;
  REQUIRE(of_cross.size() == 1);
  CHECK(of_cross[0].name == "entropy_collapse");
  CHECK(of_cross[0].path == "layer 2/cross_attention");
  CHECK(of_cross[0].value.value == 0.05);
  profile.layers[0].attention = with_entropy(0.01);
  const auto first = profile::summarize(profile, {}, 16).verdicts;
  REQUIRE(first.size() == 1);
  CHECK(first[0].path == "layer 1/attention");
}

TEST_CASE("growth is judged from the first layer on, and what that makes of the input is told apart") {
  profile::Profile profile = healthy();
  profile.points[0].forward.variance = 1e-6;
  profile.points[0].backward.variance = 1e6;
  const profile::Summary summary = profile::summarize(profile, {}, 16);
  CHECK(summary.verdicts.empty());
  CHECK(*summary.forward_ratios.log10_first_over_input == Approx(6));
  CHECK(*summary.backward_ratios.log10_first_over_input == Approx(-6));
  CHECK(*summary.forward_ratios.log10_last_over_first == Approx(0).margin(1e-12));
  profile.points[2].forward.variance = 2e4;
  profile.points[1].backward.variance = 2e4;
  const auto verdicts = profile::summarize(profile, {}, 16).verdicts;
  REQUIRE(verdicts.size() == 2);
  CHECK(verdicts[0].name == "exploding_variance");
  CHECK(verdicts[0].path == "layer 2/ffn");
  CHECK(verdicts[1].name == "exploding_gradient");
  CHECK(verdicts[1].path == "layer 1/ffn");
}

TEST_CASE("weights that a first step leaves alone are named, unless a learned scale wakes them") {
  profile::Profile profile = healthy();
  for (profile::Layer& layer : profile.layers) {
    layer.weights = {{.name = "query", .gradient_norm = 1}, {.name = "ffn_in", .gradient_norm = 2}};
  }
  CHECK(profile::summarize(profile, {}, 16).verdicts.empty());
  profile.layers[1].weights[1].gradient_norm = 0;
  const auto one = profile::summarize(profile, {}, 16).verdicts;
  REQUIRE(one.size() == 1);
  CHECK(one[0].name == "zero_gradient");
  CHECK(one[0].path == "layer 2/ffn_in");
  profile.layers[1].weights[0].gradient_norm = 0;
  CHECK(profile::summarize(profile, {}, 16).verdicts[0].path == "layer 2");
  for (profile::Weight& weight : profile.layers[1].weights) weight.waits = true;
  CHECK(profile::summarize(profile, {}, 16).verdicts.empty());
  profile.layers[0].weights[0].gradient_norm = profile::Quantity(0, -400);
  const auto tiny = profile::summarize(profile, {}, 16).verdicts;
  REQUIRE(tiny.size() == 1);
  CHECK(tiny[0].name == "negligible_gradient");
  CHECK(tiny[0].path == "layer 1/query");
  CHECK(tiny[0].value.log10 == Approx(-400 - std::log10(2)));
}

TEST_CASE("every layer has the verdict on its own zeros, but neighbours alike have one") {
  profile::Profile profile = healthy();
  for (profile::Layer& layer : profile.layers)
    layer.weights = {{.name = "query", .gradient_norm = 0}, {.name = "ffn_in", .gradient_norm = 2}};
  CHECK(profile::summarize(profile, {}, 16).verdicts.size() == 1);
  profile.layers[1].weights[1].gradient_norm = 0;
  const auto verdicts = profile::summarize(profile, {}, 16).verdicts;
  REQUIRE(verdicts.size() == 2);
  CHECK(verdicts[0].path == "layer 1/query");
  CHECK(verdicts[1].path == "layer 2");
}

}  // namespace
