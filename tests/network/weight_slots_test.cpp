// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>

#include "sigprop/check/check.hpp"
#include "sigprop/network/outline.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using profile::WeightRole;

network::Attention attention(bool cross) {
  network::Attention op;
  op.width = 12;
  op.heads = 4;
  op.kv_heads = 2;
  op.head_width = 5;
  op.cross = cross;
  op.query_std = 0.1;
  op.key_std = 0.2;
  op.value_std = 0.3;
  op.output_std = 0.4;
  return op;
}

TEST_CASE("the slots of attention have the shapes of grouped heads and the members that hold their deviations") {
  const network::Attention op = attention(false);
  const auto slots = network::weight_slots(op);
  const std::size_t out[] = {20, 10, 10, 12}, in[] = {12, 12, 12, 20};
  const double std[] = {0.1, 0.2, 0.3, 0.4};
  const WeightRole roles[] = {WeightRole::query, WeightRole::key, WeightRole::value, WeightRole::output};
  for (std::size_t i = 0; i < slots.size(); ++i) {
    CHECK(slots[i].out == out[i]);
    CHECK(slots[i].in == in[i]);
    CHECK(slots[i].role == roles[i]);
    CHECK(op.*slots[i].std == std[i]);
  }
}

TEST_CASE("a gate comes before the other weight of a gated linear map, and components without weights have no slots") {
  network::GatedLinear gated;
  gated.gate_std = 0.7;
  gated.weight_std = 0.9;
  const auto [gate, in] = network::weight_slots(gated);
  CHECK((gate.role == WeightRole::gate && gated.*gate.std == 0.7 && gate.name == "ffn_gate"));
  CHECK((in.role == WeightRole::linear && gated.*in.std == 0.9 && in.name == "ffn_in"));
  CHECK(network::weight_count<network::Linear> == 1);
  CHECK(network::weight_count<network::Norm> == 0);
  CHECK(network::weight_count<network::Residual> == 0);
}

TEST_CASE("experts have the weight of their router, where they have one") {
  network::Experts experts{8, 2, {}};
  CHECK(network::weight_slots(experts).empty());
  experts.router_std = 0.02;
  experts.width = 12;
  const auto slots = network::weight_slots(experts);
  REQUIRE(slots.size() == 1);
  CHECK((slots[0].name == "router" && slots[0].out == 8 && slots[0].in == 12 && experts.*slots[0].std == 0.02));
}

TEST_CASE("a repeated or a cross-attention weight has a name of its own, and keeps its role") {
  network::Network network;
  network::Residual branch;
  branch.of = {{attention(false), ""}, {attention(false), ""}, {attention(true), ""}};
  network.body = {{branch, "ffn"}};
  const network::Outline outline = network::outline_of(network);
  REQUIRE(outline.layers.size() == 1);
  const auto role_of = [&](const std::string& name) {
    const auto& weights = outline.layers[0].weights;
    const auto found = std::find_if(weights.begin(), weights.end(), [&](const auto& w) { return w.name == name; });
    REQUIRE(found != weights.end());
    return found->role;
  };
  CHECK(role_of("query_2") == WeightRole::query);
  CHECK(role_of("cross_query") == WeightRole::query);
  CHECK(role_of("cross_key") == WeightRole::key);
  CHECK(role_of("value") == WeightRole::value);
}

TEST_CASE("a blank profile has the outline's places, weights and roles, and no quantity of a weight") {
  const network::Network network = test::network_of(test::encoder_decoder_of(test::small_stack()));
  const network::Outline outline = network::outline_of(network);
  const profile::Profile blank = network::blank_profile(outline);
  REQUIRE(blank.points.size() == outline.points.size());
  REQUIRE(blank.layers.size() == outline.layers.size());
  CHECK(blank.points.back().index == blank.points.size() - 1);
  CHECK(blank.points.back().path == "decoder/layer 4/ffn");
  for (std::size_t i = 0; i < blank.layers.size(); ++i) {
    CHECK(blank.layers[i].index == i + 1);
    CHECK(blank.layers[i].path == outline.layers[i].path);
    REQUIRE(blank.layers[i].weights.size() == outline.layers[i].weights.size());
    for (std::size_t w = 0; w < blank.layers[i].weights.size(); ++w) {
      CHECK(blank.layers[i].weights[w].role == outline.layers[i].weights[w].role);
      CHECK_FALSE(blank.layers[i].weights[w].gradient_norm);
    }
  }
}

TEST_CASE("a check may name every weight of a stack") {
  const std::vector<std::string> known = check::quantity_names();
  nlohmann::json spec = test::encoder_decoder_of(test::changed({{"layers", 1}}));
  spec["encoder"]["ffn"]["gated"] = true;
  for (const network::Outline::Layer& layer : network::outline_of(test::network_of(spec)).layers) {
    for (const network::Outline::Weight& weight : layer.weights) {
      INFO(weight.name);
      CHECK(std::count(known.begin(), known.end(), "weights." + weight.name + ".gradient_norm") == 1);
    }
  }
}

}  // namespace
