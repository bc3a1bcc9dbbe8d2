// SPDX-License-Identifier: Apache-2.0
#include "sigprop/profile/summary.hpp"

#include <catch2/catch.hpp>

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

}  // namespace
