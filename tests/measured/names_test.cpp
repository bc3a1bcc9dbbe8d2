// SPDX-License-Identifier: Apache-2.0
#include "measured/names.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "support/spec.hpp"

namespace sigprop::test {
namespace {

using measured::NameMap;
using measured::Names;

std::string weights_of(const std::string& tensor) {
  const auto meaning = Names().of(tensor);
  if (!meaning) return "unknown";
  std::string out;
  for (const std::string& weight : meaning->weights) out += (out.empty() ? "" : " ") + weight;
  return out;
}

TEST_CASE("names of libraries mean their weights") {
  CHECK(weights_of("transformer.h.3.attn.c_attn.weight") == "query key value");
  CHECK(weights_of("h.3.attn.c_attn.bias") == "bias");
  CHECK(weights_of("h.3.attn.bias") == "outside");  // the buffer of a mask
  CHECK(weights_of("model.layers.0.self_attn.q_proj.weight") == "query");
  CHECK(weights_of("model.layers.0.mlp.experts.gate_up_proj") == "ffn_gate ffn_in");
  CHECK(weights_of("blocks.2.attn.qkv.weight") == "query key value");                   // timm
  CHECK(weights_of("transformer.h.0.mlp.c_proj.weight") == "ffn_out");                  // nanoGPT
  CHECK(weights_of("encoder.layers.1.self_attn.in_proj_weight") == "query key value");  // PyTorch's own
  CHECK(weights_of("encoder.layers.1.linear2.weight") == "ffn_out");
  CHECK(weights_of("decoder.block.1.layer.1.EncDecAttention.k.weight") == "cross_key");
  CHECK(weights_of("lm_head.weight") == "outside");
  CHECK(weights_of("frobnicate.weight") == "unknown");
}

TEST_CASE("a name tells its layer, from 1, and whether it is a decoder's") {
  const auto meaning = Names().of("decoder.block.11.layer.0.SelfAttention.v.weight");
  REQUIRE(meaning);
  CHECK(meaning->layer == 12);
  CHECK(meaning->stack == 1);
  CHECK(Names().of("embed_tokens.weight")->layer == 0);
}

TEST_CASE("every parameter of every class that was recorded is known") {
  std::size_t names = 0;
  const Names known;
  for (const auto& file : std::filesystem::recursive_directory_iterator(SIGPROP_SOURCE "/tests/data/hugging_face")) {
    if (file.path().filename() != "parameters.json") continue;
    INFO(file.path());
    std::ifstream text(file.path());
    const nlohmann::json all = parsed({std::istreambuf_iterator<char>(text), {}});
    for (const auto& [name, parameter] : all.items()) {
      INFO(name);
      CHECK(known.of(name));
      ++names;
    }
  }
  CHECK(names > 1000);
}

TEST_CASE("a name of one's own comes before those that are known, and is found nearest to what it is like") {
  CHECK(Names(NameMap{{"mix", {"ffn_in"}}}).of("layers.0.mix.q_proj.weight")->weights ==
        std::vector<std::string>{"ffn_in"});
  CHECK(Names::nearest("layers.7.self_attn.q_porj.weight") == "layers.0.self_attn.q_proj.weight");
  CHECK(Names::nearest("zzz").empty());
  CHECK_THROWS_WITH(Names(NameMap{{"x", {"qeury"}}}), Catch::Contains("did you mean \"query\"?"));
  CHECK_THROWS_WITH(Names(NameMap{{"(", {"query"}}}), Catch::Contains("is no regular expression"));
}

}  // namespace
}  // namespace sigprop::test
