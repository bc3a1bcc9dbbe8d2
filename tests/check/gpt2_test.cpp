// SPDX-License-Identifier: Apache-2.0 GPT-2 divides the standard deviation of what is added to the
// residual stream by √(2N). A library once left that out.
#include "check/made.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;

/// GPT-2's sizes without its causal mask, which the theory does not cover.
json gpt2(std::size_t layers, std::size_t width, std::size_t heads) {
  json spec = test::parsed(R"({
    "sequence_length": 1024,
    "input": {"embedding": {"vocabulary": 50257, "tables": ["token", "position"], "dropout": 0.1}},
    "stack": {"attention": {"mask": "none", "dropout": 0.1}, "ffn": {"activation": "gelu_tanh"},
              "norm": {"kind": "layer_norm", "placement": "pre"}, "residual": {"dropout": 0.1}},
    "init": {"scheme": "gpt2"},
    "checks": [{"quantity": "forward.variance", "at": "last", "max": 1}]})");
  spec["stack"]["layers"] = layers;
  spec["stack"]["width"] = width;
  spec["stack"]["attention"]["heads"] = heads;
  spec["stack"]["ffn"]["width"] = 4 * width;
  return spec;
}

check::Outcome outcome_of(const json& spec) {
  const spec::ReadResult read = spec::read_text(test::text_of(spec), "gpt2.json");
  REQUIRE(read.network);
  const profile::Profile profile = predict::predict(*read.network, predict::Theory::full);
  const check::Evaluation evaluation = check::evaluate(read.conditions, profile, read.network->length());
  REQUIRE(evaluation.outcomes.size() == 1);
  return evaluation.outcomes.front();
}

TEST_CASE("GPT-2 without its 1/sqrt(2N) fails the check that the right one passes", "[bulk]") {
  struct Size {
    std::size_t layers, width, heads;
    double right, wrong;  ///< variance after the last layer
  };
  for (const Size& size :
       {Size{12, 768, 12, 0.0874, 2.375}, Size{24, 1024, 16, 0.171, 9.28}, Size{48, 1600, 25, 0.467, 49.5}}) {
    INFO(size.layers << " layers");
    json spec = gpt2(size.layers, size.width, size.heads);
    const check::Outcome right = outcome_of(spec);
    CHECK(right.passed());
    CHECK(right.value.value == Approx(size.right).epsilon(0.01));
    spec["init"]["std"] = {{"output", 0.02}, {"ffn_out", 0.02}};
    const check::Outcome wrong = outcome_of(spec);
    CHECK_FALSE(wrong.passed());
    CHECK(wrong.value.value == Approx(size.wrong).epsilon(0.01));
    CHECK(wrong.path == "layer " + std::to_string(size.layers) + "/ffn");
  }
}

}  // namespace
