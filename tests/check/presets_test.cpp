// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "check/made.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using namespace sigprop::test;

check::Check preset(const std::string& name) {
  return {"/checks/0", 7, name, {}};
}

check::Evaluation of_project(const std::string& file, const std::string& name) {
  const network::Network network = network_of(project_spec(file));
  return check::evaluate({preset(name)}, predict::predict(network, predict::Theory::full), network.length());
}

bool passes(const std::string& file, const std::string& name) {
  const check::Evaluation evaluation = of_project(file, name);
  CHECK(evaluation.faults.empty());
  CHECK_FALSE(evaluation.outcomes.empty());
  return std::all_of(evaluation.outcomes.begin(), evaluation.outcomes.end(),
                     [](const check::Outcome& outcome) { return outcome.passed(); });
}

TEST_CASE("DeepScaleLM is flat at 192 layers, Xavier is not", "[bulk]") {
  CHECK(passes("figure-192-deepscalelm.json", "flat"));
  CHECK(passes("figure-192-deepscalelm.json", "stable"));
  CHECK_FALSE(passes("figure-192-xavier-post.json", "flat"));
  CHECK_FALSE(passes("figure-192-xavier-pre.json", "flat"));
}

TEST_CASE("BERT is stable, 192 Pre-LN layers with Xavier are trainable and not stable", "[bulk]") {
  CHECK(passes("bert-base.json", "stable"));
  CHECK(passes("bert-large.json", "stable"));
  CHECK(passes("vit-base.json", "stable"));
  CHECK_FALSE(passes("figure-192-xavier-pre.json", "stable"));
  CHECK(passes("figure-192-xavier-pre.json", "trainable"));
}

bool is_trainable(const nlohmann::json& spec) {
  const profile::Profile profile = predicted(spec);
  const check::Evaluation evaluation = check::evaluate({preset("trainable")}, profile, 128);
  CHECK(evaluation.faults.empty());
  const bool out = std::all_of(evaluation.outcomes.begin(), evaluation.outcomes.end(),
                               [](const check::Outcome& outcome) { return outcome.passed(); });
  CHECK(out == profile.summary.verdicts.empty());
  return out;
}

TEST_CASE("a model of which some weight has no gradient is not trainable, unless a learned scale wakes it") {
  nlohmann::json spec = small_stack();
  CHECK(is_trainable(spec));
  spec["stack"]["residual"] = {{"branch", 0}};
  CHECK_FALSE(is_trainable(spec));
  spec["stack"]["residual"]["learned_branch"] = true;
  CHECK(is_trainable(spec));
  spec["stack"].erase("residual");
  for (const char* weight : {"query", "output", "ffn_out"}) {
    INFO(weight);
    spec["init"]["std"] = {{weight, 0}};
    CHECK_FALSE(is_trainable(spec));
  }
}

TEST_CASE("a model whose scores are so small that queries and keys do not learn is not trainable") {
  nlohmann::json spec = small_stack();
  spec["input"] = {{"variance", 1e-9}};
  spec["stack"]["norm"] = {{"kind", "none"}};
  spec["init"] = {{"scheme", "gpt2"}};
  CHECK_FALSE(is_trainable(spec));
}

TEST_CASE("what the verdicts have no word against is trainable, and the reverse", "[bulk]") {
  for (const char* file :
       {"bert-base.json", "deit-small.json", "mlp.json", "figure-192-xavier-post.json", "figure-192-xavier-pre.json"}) {
    INFO(file);
    CHECK(passes(file, "trainable") == predicted(project_spec(file)).summary.verdicts.empty());
  }
}

TEST_CASE("each condition of a preset has an outcome of its own, at the preset's place in the spec") {
  const check::Evaluation evaluation = of_project("bert-base.json", "stable");
  REQUIRE(evaluation.outcomes.size() == 6);
  for (const check::Outcome& outcome : evaluation.outcomes) {
    CHECK(outcome.check.pointer == "/checks/0");
    CHECK(outcome.check.line == 7);
    CHECK(outcome.check.preset == "stable");
  }
}

TEST_CASE("presets leave out entropy without attention, and rank where there is one token") {
  const auto quantities = [](double sequence_length, bool attention, bool cross_attention = false) {
    profile::Profile profile = made();
    for (profile::Layer& layer : profile.layers) {
      if (!attention) layer.attention.reset();
      if (!cross_attention) layer.cross_attention.reset();
    }
    std::vector<std::string> out;
    for (const check::Outcome& outcome : check::evaluate({preset("trainable")}, profile, sequence_length).outcomes)
      out.push_back(outcome.check.condition.quantity);
    return out;
  };
  using Names = std::vector<std::string>;
  const auto always = [](const Names& more) {
    Names out{"forward.variance", "backward.variance", "weights.*.gradient_fraction"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  };
  CHECK(quantities(1, false) == always({}));
  CHECK(quantities(2, false) == always({"rank_residual"}));
  CHECK(quantities(1, true) == always({"attention.entropy_fraction"}));
  CHECK(quantities(1, true, true) == always({"attention.entropy_fraction", "cross_attention.entropy_fraction"}));
}

TEST_CASE("what of a preset the theory cannot judge is one fault, beside the outcomes of the rest") {
  profile::Profile profile = made();
  profile.theory = "paper";
  for (profile::Layer& layer : profile.layers) layer.attention->entropy_fraction.reset();
  const check::Evaluation in_spec = check::evaluate({preset("trainable")}, profile, 64);
  REQUIRE(in_spec.faults.size() == 1);
  CHECK(
      in_spec.faults[0].message ==
      "/checks/0/preset is \"trainable\", which looks at attention.entropy_fraction, but the theory paper has no value "
      "of it: check with --theory full, or write the preset's other conditions as checks of your own");
  const check::Evaluation given = check::evaluate({{"", 0, "trainable", {}}}, profile, 64);
  REQUIRE(given.faults.size() == 1);
  CHECK(given.faults[0].message.rfind("--preset is \"trainable\", which looks at ", 0) == 0);
  CHECK(given.outcomes.size() == 5);
  for (profile::Layer& layer : profile.layers) layer.weights[0].gradient_norm.reset();
  const check::Evaluation several = check::evaluate({preset("stable")}, profile, 64);
  REQUIRE(several.faults.size() == 1);
  CHECK(several.faults[0].message ==
        "/checks/0/preset is \"stable\", which looks at weights.all.gradient_norm, weights.*.gradient_fraction and "
        "attention.entropy_fraction, but the theory paper has no value of them: check with --theory full, or write the "
        "preset's other conditions as checks of your own");
  CHECK(several.outcomes.size() == 4);
}

TEST_CASE("a preset that does not exist is not passed by") {
  CHECK_THROWS_WITH(check::evaluate({preset("stabel")}, made(), 64), "no preset is called stabel");
}

}  // namespace
