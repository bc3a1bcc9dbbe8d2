// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "sigprop/spec/write.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;

json expanded(const json& spec) {
  return test::parsed(spec::expanded_text(test::network_of(spec)));
}

TEST_CASE("equal layers expand to one repeat, different ones to several") {
  json spec = test::small_stack();
  CHECK(expanded(spec)["components"].size() == 1);
  spec["init"]["std"]["value"] = {0.1, 0.1, 0.2, 0.1};
  const json components = expanded(spec)["components"];
  REQUIRE(components.size() == 3);
  CHECK(components[0]["repeat"]["times"] == 2);
  CHECK(components[1]["repeat"]["times"] == 1);
}

TEST_CASE("an expansion expands to itself") {
  json spec = test::small_stack();
  spec["input"] = {{"embedding",
                    {{"vocabulary", 100},
                     {"tables", {"token", "position"}},
                     {"norm", "rms_norm"},
                     {"dropout", 0.1},
                     {"std", 0.02}}}};
  spec["stack"]["attention"].update({{"mask", "causal"}, {"kv_heads", 2}, {"rotary_base", 10000}, {"score_scale", 1}});
  spec["stack"]["ffn"]["gated"] = true;
  spec["stack"]["norm"] = {{"kind", "rms_norm"}, {"placement", "post"}};
  spec["init"]["std"]["bias"] = 0.01;
  spec["gradient"] = {{"variance", 2}, {"token_correlation", 0.5}};
  spec["thresholds"] = {{"rank_collapse", 0.2}};
  const json once = expanded(spec);
  CHECK(expanded(once) == once);
}

/// What is on the first residual branch of a stack's first layer.
json first_branch(const json& components) {
  return components[0]["repeat"]["of"][0]["residual"]["of"];
}

/// Every key of a stack that changes what its layers compute.
std::vector<json> changes_of_a_stack() {
  return {{{"parallel", true}},
          {{"tied", true}},
          {{"norm", {{"kind", "rms_norm"}, {"placement", "sandwich"}, {"gain", 0.5}}}},
          {{"norm", {{"kind", "rms_norm"}, {"placement", "output"}}}},
          {{"ffn", {{"width", 512}, {"activation", "silu"}, {"gated", true}, {"experts", 8}, {"top_k", 2}}}},
          {{"attention", {{"heads", 4}, {"rotary_base", 10000}, {"rotary_width", 8}}}},
          {{"attention", {{"heads", 4}, {"query_key_norm", "rms_norm"}}}},
          {{"parallel", true}, {"ffn", {{"width", 512}, {"activation", "relu"}, {"experts", 4}}}}};
}

TEST_CASE("a stack and its expansion are predicted alike, and the expansion expands to itself") {
  for (const json& change : changes_of_a_stack()) {
    INFO(test::text_of(change));
    json spec = test::small_stack();
    spec["stack"].update(change);
    const json once = expanded(spec);
    CHECK(expanded(once) == once);
    const profile::Profile stack = test::predicted(spec), list = test::predicted(once);
    REQUIRE(stack.points.size() == list.points.size());
    for (std::size_t i = 0; i < stack.points.size(); ++i) {
      CHECK(stack.points[i].path == list.points[i].path);
      CHECK(stack.points[i].forward.variance.value == list.points[i].forward.variance.value);
      CHECK(stack.points[i].backward.variance.value == list.points[i].backward.variance.value);
    }
  }
}

TEST_CASE("a parallel layer expands to one branch of two lists behind one norm") {
  json spec = test::small_stack();
  spec["stack"]["parallel"] = true;
  const json layer = expanded(spec)["components"][0]["repeat"]["of"];
  CHECK(layer.size() == 1);
  CHECK(layer[0]["point"] == "parallel");
  const json branch = layer[0]["residual"]["of"];
  CHECK(branch[0] == json{{"norm", "layer_norm"}});
  CHECK(branch[1]["parallel"]["of"].size() == 2);
  CHECK(branch[1]["parallel"]["of"][0][0].contains("attention"));
  CHECK(branch[1]["parallel"]["of"][1][0]["linear"]["name"] == "ffn_in");
}

TEST_CASE("experts expand to one list with their number and the choice") {
  json spec = test::small_stack();
  spec["stack"]["ffn"].update({{"experts", 8}, {"top_k", 2}});
  const json experts = expanded(spec)["components"][0]["repeat"]["of"][1]["residual"]["of"][1]["experts"];
  CHECK(experts["count"] == 8);
  CHECK(experts["top_k"] == 2);
  CHECK(experts["of"].size() == 3);
  CHECK(!experts.contains("router_std"));
  spec["stack"]["ffn"]["router_std"] = 0.02;
  const json routed = expanded(spec)["components"][0]["repeat"]["of"][1]["residual"]["of"][1]["experts"];
  CHECK(routed["router_std"] == 0.02);
  const network::Network network = test::network_of(expanded(spec));
  bool found = false;
  network::for_each_component(network.body, [&](const network::Component& component) {
    const auto* op = std::get_if<network::Experts>(&component.op);
    if (op == nullptr) return;
    found = true;
    CHECK((op->router_std == 0.02 && op->width == network.width));
  });
  CHECK(found);
}

TEST_CASE("sandwich has a norm at both ends of a branch, output behind it only, and the gain is the first one's") {
  json spec = test::small_stack();
  spec["stack"]["norm"] = {{"kind", "rms_norm"}, {"placement", "sandwich"}, {"gain", 0.5}};
  const json norm = {{"norm", "rms_norm"}};
  json branch = first_branch(expanded(spec)["components"]);
  REQUIRE(branch.size() == 3);
  CHECK(branch[0]["residual"] == json{{"skip", 0.0}, {"branch", 0.5}, {"of", {norm}}});
  CHECK(branch[2] == norm);
  spec["stack"]["norm"] = {{"kind", "rms_norm"}, {"placement", "output"}};
  branch = first_branch(expanded(spec)["components"]);
  REQUIRE(branch.size() == 2);
  CHECK(branch[0].contains("attention"));
  CHECK(branch[1] == norm);
}

TEST_CASE("the rotary width is written where it is not the head's, tied where layers are") {
  json spec = test::small_stack();
  spec["stack"]["attention"].update({{"rotary_base", 10000}, {"rotary_width", 8}});
  CHECK(first_branch(expanded(spec)["components"])[1]["attention"]["rotary_width"] == 8);
  spec["stack"]["attention"]["rotary_width"] = 32;
  CHECK_FALSE(first_branch(expanded(spec)["components"])[1]["attention"].contains("rotary_width"));
  CHECK_FALSE(expanded(spec)["components"][0]["repeat"].contains("tied"));
  spec["stack"]["tied"] = true;
  CHECK(expanded(spec)["components"][0]["repeat"]["tied"] == true);
}

TEST_CASE("checks survive the expansion") {
  json spec = test::small_stack();
  spec["checks"] = test::parsed(R"([{"quantity": "backward.variance", "ratio": ["first", "last"], "max": 10}])");
  const spec::ReadResult read = spec::read_text(test::text_of(spec), "test.json");
  CHECK(test::parsed(spec::expanded_text(*read.network, read.checks))["checks"] == spec["checks"]);
}

TEST_CASE("points and names survive the expansion") {
  const json spec = test::parsed(R"({"sequence_length": 8, "name": "n", "components": [
    {"linear": {"in": 4, "out": 4, "weight_std": 0.5, "bias_std": 0.1, "name": "first"}, "point": "here"},
    {"activation": "relu", "point": false}, {"dropout": 0.5}]})");
  const json components = expanded(spec)["components"];
  CHECK(components == spec["components"]);
}

}  // namespace
