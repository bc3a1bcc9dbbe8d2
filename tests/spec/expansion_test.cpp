// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "sigprop/spec/write.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;

json expanded(const json& spec) {
  return json::parse(spec::expanded_text(test::network_of(spec)));
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

TEST_CASE("checks survive the expansion") {
  json spec = test::small_stack();
  spec["checks"] = json::parse(R"([{"quantity": "backward.variance", "ratio": ["first", "last"], "max": 10}])");
  const spec::ReadResult read = spec::read_text(spec.dump(), "test.json");
  CHECK(json::parse(spec::expanded_text(*read.network, read.checks))["checks"] == spec["checks"]);
}

TEST_CASE("points and names survive the expansion") {
  const json spec = json::parse(R"({"sequence_length": 8, "name": "n", "components": [
    {"linear": {"in": 4, "out": 4, "weight_std": 0.5, "bias_std": 0.1, "name": "first"}, "point": "here"},
    {"activation": "relu", "point": false}, {"dropout": 0.5}]})");
  const json components = expanded(spec)["components"];
  CHECK(components == spec["components"]);
}

}  // namespace
