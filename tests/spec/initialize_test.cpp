// SPDX-License-Identifier: Apache-2.0
// A scheme put in place of a spec's initialization.
#include <catch2/catch.hpp>

#include "sigprop/scheme/scheme.hpp"
#include "sigprop/spec/initialize.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;

spec::Initialized with(const json& spec, const char* scheme, bool keep_norm = false) {
  return spec::initialize(test::text_of(spec), "test.json", {scheme, {}}, keep_norm);
}

json embedded() {
  json spec = test::small_stack();
  spec["input"] = {{"embedding", {{"vocabulary", 1000}, {"tables", {"token"}}}}};
  spec["init"] = {{"scheme", "gpt2"}};
  return spec;
}

TEST_CASE("the written spec reads back as the same network, for every scheme", "[bulk]") {
  for (const scheme::Scheme& scheme : scheme::schemes()) {
    INFO(scheme.name);
    const spec::Initialized made = with(embedded(), scheme.name.c_str());
    REQUIRE(made.read.network);
    CHECK_FALSE(test::parsed(made.text)["init"].contains("scheme"));
    const spec::ReadResult again = spec::read_text(made.text, "again.json");
    REQUIRE(again.network);
    const profile::Profile a = predict::predict(*made.read.network, predict::Theory::full);
    const profile::Profile b = predict::predict(*again.network, predict::Theory::full);
    for (std::size_t i = 0; i < a.points.size(); ++i) {
      CHECK(a.points[i].forward.variance.value == b.points[i].forward.variance.value);
      CHECK(a.points[i].backward.variance.value == b.points[i].backward.variance.value);
    }
  }
}

TEST_CASE("under any norm, kept or not, a scheme gives a good spec or says why not") {
  for (const scheme::Scheme& scheme : scheme::schemes()) {
    for (const json& norm : {json{{"kind", "none"}}, json{{"kind", "rms_norm"}, {"placement", "pre"}},
                             json{{"kind", "layer_norm"}, {"placement", "post"}, {"inner", true}}}) {
      for (const bool keep : {false, true}) {
        json spec = embedded();
        spec["stack"]["norm"] = norm;
        INFO(scheme.name << ' ' << norm << ' ' << keep);
        const spec::Initialized made = with(spec, scheme.name.c_str(), keep);
        if (made.read.network) {
          CHECK(spec::read_text(made.text, "again.json").errors.empty());
          CHECK(
              (!norm.contains("inner") || scheme.norm == scheme::NormUse::none || made.read.stacks.front().inner_norm));
        } else {
          CHECK(keep);
          CHECK(made.read.errors.front().rfind("test.json: the scheme " + scheme.name + " does not fit this model: ",
                                               0) == 0);
        }
      }
    }
  }
}

TEST_CASE("under any block, the written spec reads back as the same network, or the scheme says why not") {
  for (const scheme::Scheme& scheme : scheme::schemes()) {
    for (const json& block : {json{{"parallel", true}}, json{{"tied", true}},
                              json{{"ffn", {{"width", 512}, {"activation", "relu"}, {"experts", 8}, {"top_k", 2}}}}}) {
      json spec = embedded();
      spec["stack"].update(block);
      INFO(scheme.name << ' ' << block);
      const spec::Initialized made = with(spec, scheme.name.c_str());
      if (!made.read.network) {
        CHECK(made.read.errors.size() == 1);
        continue;
      }
      const spec::ReadResult again = spec::read_text(made.text, "again.json");
      REQUIRE(again.network);
      for (const network::LayerStd& std : again.stacks.front().std) CHECK((std.value > 0 && std.ffn_out > 0));
    }
  }
}

TEST_CASE("a norm at both ends of a branch, or behind it, gives way to the placement a scheme was made for") {
  for (const char* placement : {"sandwich", "output"}) {
    json spec = test::small_stack();
    spec["stack"]["norm"] = {{"kind", "layer_norm"}, {"placement", placement}};
    CHECK(test::parsed(with(spec, "gpt2").text)["stack"]["norm"]["placement"] == "pre");
    CHECK(test::parsed(with(spec, "deepnorm").text)["stack"]["norm"]["placement"] == "post");
    CHECK(test::parsed(with(spec, "gpt2", true).text)["stack"]["norm"]["placement"] == placement);
  }
}

TEST_CASE("a spec's own initialization may be one that does not fit, if it is to be replaced") {
  json spec = embedded();
  spec["stack"]["ffn"]["gated"] = true;
  spec["init"] = {{"scheme", "deepscalelm"}};
  CHECK(with(spec, "gpt2").read.network);
  CHECK(
      with(spec, "deepscalelm").read.errors ==
      std::vector<std::string>{"test.json: the scheme deepscalelm does not fit this model: deepscalelm has no rule for "
                               "a gated feed-forward network: set \"gated\": false"});
}

TEST_CASE("a solved scheme solves around what the spec states itself") {
  json spec = test::small_stack();
  spec["init"] = {{"scheme", "deepscalelm_full"}, {"std", {{"value", 0.03}, {"query", 0.3}, {"bias", 0.1}}}};
  spec["stack"]["norm"]["gain"] = 3;
  spec["stack"]["norm"]["inner"] = true;
  spec["stack"]["residual"] = {{"skip", 0.6}, {"branch", 0.8}};
  const spec::ReadResult read = spec::read_text(test::text_of(spec), "test.json");
  REQUIRE(read.network);
  CHECK(read.stacks.front().std.front().value == 0.03);
  for (const profile::Point& point : predict::predict(*read.network, predict::Theory::full).points)
    CHECK(point.forward.variance.value == Approx(1).epsilon(1e-9));
}

TEST_CASE("a scheme replaces deviations and scales of the spec and keeps an embedding that it does not set") {
  json spec = embedded();
  spec["init"] = {{"scheme", "gpt2"}, {"std", {{"query", 0.5}, {"embedding", 0.3}, {"bias", 0.1}}}};
  spec["stack"]["residual"] = {{"skip", 0.5}, {"branch", 2}, {"dropout", 0.1}};
  spec["stack"]["norm"]["gain"] = 3;
  const json made = test::parsed(with(spec, "lecun").text);
  CHECK(made["init"]["std"]["query"] == Approx(1 / std::sqrt(128)));
  CHECK(made["init"]["std"]["embedding"] == 0.3);
  CHECK_FALSE(made["init"]["std"].contains("bias"));
  CHECK(made["stack"]["residual"] == json{{"dropout", 0.1}, {"skip", 1.0}, {"branch", 1.0}});
  CHECK_FALSE(made["stack"]["norm"].contains("gain"));
  CHECK(test::parsed(with(spec, "xavier").text)["init"]["std"]["embedding"] == Approx(1 / std::sqrt(128)));
}

TEST_CASE("a spec without an initialization takes the scheme's") {
  json spec = embedded();
  spec.erase("init");
  CHECK(with(spec, "bert").read.network);
  CHECK(with(spec, "lecun").read.errors ==
        std::vector<std::string>{"test.json: /input/embedding/std is missing, but must be a number in [0, 1000000]: no "
                                 "scheme sets it (for example 0.02)"});
}

TEST_CASE("a scheme brings the norm that it was made for, and says so") {
  const auto norm = [](const char* scheme, bool keep) {
    json spec = test::small_stack();
    spec["stack"]["norm"] = {{"kind", "layer_norm"}, {"placement", "post"}, {"final", true}};
    return with(spec, scheme, keep);
  };
  const spec::Initialized pre = norm("gpt2", false);
  CHECK(test::parsed(pre.text)["stack"]["norm"] == json{{"kind", "layer_norm"}, {"placement", "pre"}});
  CHECK(pre.notes.front() ==
        "/stack/norm becomes {\"kind\":\"layer_norm\",\"placement\":\"pre\"}, which gpt2 was made for; it was "
        "{\"final\":true,\"kind\":\"layer_norm\",\"placement\":\"post\"}");
  CHECK(test::parsed(norm("rezero", false).text)["stack"]["norm"] == json{{"kind", "none"}});
  CHECK(test::parsed(norm("llama", false).text)["stack"]["norm"]["kind"] == "rms_norm");
  CHECK(test::parsed(norm("gpt2", true).text)["stack"]["norm"]["placement"] == "post");
  CHECK(norm("gpt2", true).notes.empty());
}

TEST_CASE("the spec's own score scale stays, else the scheme's holds") {
  json spec = test::small_stack();
  CHECK(test::parsed(with(spec, "t5").text)["stack"]["attention"]["score_scale"] == 1.0);
  spec["stack"]["attention"]["score_scale"] = 0.25;
  CHECK(test::parsed(with(spec, "t5").text)["stack"]["attention"]["score_scale"] == 0.25);
}

TEST_CASE("values by layer and by branch are written as lists, biases of ffn_out apart") {
  const json olmo = test::parsed(with(test::small_stack(), "olmo_mitchell").text);
  CHECK(olmo["init"]["std"]["output"].size() == 4);
  CHECK(olmo["init"]["std"]["query"].is_number());
  const json torch = test::parsed(with(test::small_stack(), "torch_linear").text);
  CHECK(torch["init"]["std"]["bias"] == Approx(1 / std::sqrt(3 * 128.0)));
  CHECK(torch["init"]["std"]["ffn_out_bias"] == Approx(1 / std::sqrt(3 * 512.0)));
  CHECK(test::parsed(with(test::small_stack(), "layernorm_scaling").text)["stack"]["norm"]["gain"].size() == 8);
  CHECK(test::parsed(with(test::small_stack(), "sub_ln").text)["stack"]["norm"]["inner"] == true);
}

TEST_CASE("truncation and recalled formulas are told") {
  CHECK(with(test::small_stack(), "olmo_mitchell").notes.front() ==
        "the deviations are those of a normal cut at 3 standard deviations: the nominal ones times 0.98658");
  CHECK(with(test::small_stack(), "noci_depth_scale").notes.front() ==
        "the formulas of noci_depth_scale were recalled, not read in a source");
}

TEST_CASE("two stacks have deviations of their own") {
  const spec::Initialized made = with(test::encoder_decoder_of(test::small_stack()), "deepnorm");
  REQUIRE(made.read.network);
  const json text = test::parsed(made.text);
  CHECK(text["encoder"]["residual"]["skip"] != text["decoder"]["residual"]["skip"]);
  CHECK(text["init"]["encoder"]["std"]["value"] != text["init"]["decoder"]["std"]["value"]);
  const spec::ReadResult again = spec::read_text(made.text, "again.json");
  REQUIRE(again.network);
  for (std::size_t i = 0; i < 2; ++i) {
    const network::LayerStd &written = again.stacks[i].std.back(), &made_of = made.read.stacks[i].std.back();
    CHECK(written.query == made_of.query);
    CHECK(written.value == made_of.value);
    CHECK(written.ffn_out == made_of.ffn_out);
  }
}

TEST_CASE("what cannot be initialized is refused") {
  const json components = {{"sequence_length", 4},
                           {"components", {{{"linear", {{"in", 4}, {"out", 4}, {"weight_std", 0.5}}}}}}};
  CHECK(with(components, "gpt2").read.errors ==
        std::vector<std::string>{"test.json: is a list of components, which has no initialization to replace: give a "
                                 "spec with a stack"});
  CHECK(spec::initialize("[1", "x.json", {"gpt2", {}}, false).read.errors.size() == 1);
  CHECK(spec::initialize("[1]", "x.json", {"gpt2", {}}, false).read.errors.size() == 1);
}

TEST_CASE("what a scheme gives, a spec may overrule") {
  json spec = test::small_stack();
  spec["init"] = {{"scheme", "deepnorm"}, {"std", {{"query", 0.7}}}};
  spec["stack"]["residual"] = {{"branch", 0.5}};
  const spec::ReadResult read = spec::read_text(test::text_of(spec), "test.json");
  REQUIRE(read.network);
  CHECK(read.stacks.front().std.front().query == 0.7);
  CHECK(read.stacks.front().skip.front() == Approx(std::pow(8.0, 0.25)));
  CHECK(read.stacks.front().branch.front() == 0.5);
}

}  // namespace
