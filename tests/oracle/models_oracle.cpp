// SPDX-License-Identifier: Apache-2.0 Prediction against simulation for whole models; each with a
// wrong prediction that the same comparison rejects.
#include <catch2/catch.hpp>

#include "sigprop/simulate/simulate.hpp"
#include "sigprop/verify/verify.hpp"
#include "support/engine.hpp"
#include "support/spec.hpp"

namespace {

using nlohmann::json;
using namespace sigprop;

struct Case {
  json spec;
  verify::Model model;
  json wrong;  ///< a spec that differs by one plausible mistake
};

json stack(const char* kind, const char* placement, const char* activation) {
  return {{"sequence_length", 64},
          {"input", {{"variance", 1}, {"token_correlation", 0.2}}},
          {"stack",
           {{"layers", 4},
            {"width", 192},
            {"attention", {{"heads", 3}, {"dropout", 0.1}}},
            {"ffn", {{"width", 768}, {"activation", activation}}},
            {"norm", {{"kind", kind}, {"placement", placement}}},
            {"residual", {{"dropout", 0.1}}}}},
          {"init", {{"scheme", "xavier"}}}};
}

void check(const Case& c, std::size_t replicates = 40) {
  if (!test::has_engine()) return;
  const network::Network network = test::network_of(c.spec);
  simulate::Settings settings = test::engine_settings();
  settings.replicates = replicates;
  settings.seed = 20;
  const simulate::Result measured = simulate::simulate(network, settings);
  verify::Options options;
  options.replicates = measured.replicates;
  const auto compare = [&](const json& spec, predict::Theory theory) {
    return verify::verify(test::predicted(spec, theory), measured.profile, c.model, options);
  };
  const verify::Verification right = compare(c.spec, predict::Theory::full);
  INFO(right.sentence);
  CHECK(right.agrees());
  CHECK_FALSE(compare(c.wrong, predict::Theory::full).agrees());
}

verify::Model transformer(bool post_norm) {
  return {192, 64, 64, post_norm, false};
}

TEST_CASE("prediction agrees with simulation: a linear network with dropout, where every formula is exact") {
  json spec = {{"sequence_length", 20},
               {"batch", 3},
               {"input", {{"mean", 1}, {"variance", 2}, {"token_correlation", 0.3}}},
               {"components",
                {{{"linear", {{"in", 40}, {"out", 60}, {"weight_std", 0.2}, {"bias_std", 0.1}}}},
                 {{"dropout", 0.3}},
                 {{"residual",
                   {{"skip", 0.8},
                    {"branch", 0.5},
                    {"of", {{{"linear", {{"in", 60}, {"out", 60}, {"weight_std", 0.1}}}}, {{"dropout", 0.1}}}}}}},
                 {{"linear", {{"in", 60}, {"out", 30}, {"weight_std", 0.1}}}}}}};
  json wrong = spec;
  wrong["components"][1]["dropout"] = 0.0;
  check({spec, {30, 20, 0, false, true}, wrong}, 200);
}

TEST_CASE("prediction agrees with simulation: a Pre-LN stack with GELU") {
  json wrong = stack("layer_norm", "pre", "gelu");
  wrong["stack"]["ffn"]["activation"] = "relu";
  check({stack("layer_norm", "pre", "gelu"), transformer(false), wrong});
}

TEST_CASE("prediction agrees with simulation: a Post-LN stack with ReLU") {
  json wrong = stack("layer_norm", "post", "relu");
  wrong["stack"]["residual"]["dropout"] = 0.0;
  check({stack("layer_norm", "post", "relu"), transformer(true), wrong});
}

TEST_CASE("prediction agrees with simulation: RMSNorm and SiLU, without dropout") {
  json spec = stack("rms_norm", "pre", "silu");
  spec["stack"]["attention"].erase("dropout");
  spec["stack"].erase("residual");
  json wrong = spec;
  wrong["stack"]["ffn"]["activation"] = "relu";
  wrong["init"]["scheme"] = "lecun";
  check({spec, transformer(false), wrong});
}

TEST_CASE("prediction agrees with simulation: sharp attention with small branches") {
  json spec = stack("layer_norm", "pre", "relu");
  spec["stack"]["attention"]["score_scale"] = 0.4;
  spec["stack"]["residual"] = {{"skip", 0.98}, {"branch", 0.2}};
  json wrong = spec;
  wrong["stack"]["attention"]["score_scale"] = 0.2;
  check({spec, transformer(false), wrong});
}

TEST_CASE("prediction agrees with simulation: embeddings with a norm before a batch of sequences") {
  json spec = stack("layer_norm", "post", "gelu");
  spec["batch"] = 3;
  spec["stack"]["layers"] = 2;
  spec["input"] = {
      {"embedding",
       {{"vocabulary", 1000}, {"tables", {"token", "position", "segment"}}, {"norm", "layer_norm"}, {"std", 0.02}}}};
  json wrong = spec;
  wrong["input"]["embedding"]["tables"] = {"token", "position"};
  check({spec, transformer(true), wrong});
}

TEST_CASE("prediction agrees with simulation: a loss gradient that sequences have in common, behind a mask as well") {
  for (const char* mask : {"none", "causal"}) {
    INFO("mask " << mask);
    json spec = stack("layer_norm", "pre", "gelu");
    spec["batch"] = 4;
    spec["stack"]["layers"] = 2;
    spec["stack"]["attention"]["mask"] = mask;
    spec["gradient"] = {{"token_correlation", 0.1}, {"cross_correlation", 0.08}};
    json wrong = spec;
    wrong["gradient"]["cross_correlation"] = 0.04;
    check({spec, transformer(false), wrong});
  }
}

TEST_CASE("prediction agrees with simulation: one more norm before the last matrix of every branch") {
  json spec = stack("layer_norm", "pre", "relu");
  spec["init"] = {{"scheme", "sub_ln"}};
  json wrong = spec;
  wrong["stack"]["norm"]["inner"] = false;
  check({spec, transformer(false), wrong});
}

TEST_CASE("prediction agrees with simulation: Pre-LN norms whose gain falls with depth") {
  json spec = stack("layer_norm", "pre", "gelu");
  spec["stack"]["norm"]["gain"] = {1.0, 1.2, 0.7, 0.7, 0.5, 0.5, 0.4, 0.3};
  json wrong = spec;
  wrong["stack"]["norm"]["gain"] = 1.0;
  check({spec, transformer(false), wrong});
}

TEST_CASE("prediction agrees with simulation: Post-LN norms with a gain") {
  json spec = stack("layer_norm", "post", "gelu");
  spec["stack"]["norm"]["gain"] = 1.5;
  json wrong = spec;
  wrong["stack"]["norm"]["gain"] = 1.4;
  check({spec, transformer(true), wrong});
}

TEST_CASE("the published formulas fail on the gradient of a transformer") {
  if (!test::has_engine()) return;
  const json spec = stack("layer_norm", "pre", "gelu");
  simulate::Settings settings = test::engine_settings();
  settings.replicates = 40;
  const simulate::Result measured = simulate::simulate(test::network_of(spec), settings);
  verify::Options options;
  options.replicates = measured.replicates;
  const verify::Verification paper =
      verify::verify(test::predicted(spec, predict::Theory::paper), measured.profile, transformer(false), options);
  for (const verify::QuantityVerdict& verdict : paper.quantities) {
    if (verdict.quantity == "backward.variance") CHECK(verdict.disagreeing > 0);
  }
  CHECK_FALSE(paper.agrees());
}

}  // namespace
