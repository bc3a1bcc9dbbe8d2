// SPDX-License-Identifier: Apache-2.0
// Models that the reader accepts and the theory does not cover, and models without moments.
#include <catch2/catch.hpp>

#include "support/spec.hpp"

namespace {

using namespace sigprop;
using Catch::Matchers::Message;
using nlohmann::json;

void refuses(const json& spec, const std::string& message, predict::Theory theory = predict::Theory::full) {
  const network::Network network = test::network_of(spec);
  CHECK_THROWS_MATCHES(predict::predict(network, theory), predict::NotCovered, Message(message));
}

TEST_CASE("what the theory does not cover is refused by name") {
  json spec = test::small_stack();
  spec["stack"]["attention"]["rotary_base"] = 10000;
  refuses(spec, "attention with rotary positions is not covered by this theory yet");
  spec = test::small_stack();
  spec["stack"]["ffn"]["gated"] = true;
  refuses(spec, "a gated feed-forward network is not covered by this theory yet");
}

TEST_CASE("the published attention has no causal mask") {
  json spec = test::small_stack();
  spec["stack"]["attention"]["mask"] = "causal";
  refuses(spec, "a causal mask is not covered by the theory 'paper'; use --theory full", predict::Theory::paper);
  CHECK_NOTHROW(test::predicted(spec));
}

TEST_CASE("behind a causal mask tokens of unlike variances have moments behind some activations only") {
  json spec = test::small_stack();
  spec["stack"]["attention"]["mask"] = "causal";
  spec["stack"]["layers"] = 1;
  spec["stack"]["norm"] = {{"kind", "none"}};
  for (const char* activation : {"relu", "gelu", "identity"}) {
    spec["stack"]["ffn"]["activation"] = activation;
    CHECK_NOTHROW(test::predicted(spec));
  }
  spec["stack"]["ffn"]["activation"] = "silu";
  refuses(spec,
          "behind a causal mask, an activation other than relu, gelu and identity on tokens of different variances, as "
          "without a norm before it, is not covered by this theory yet");
}

TEST_CASE("attention without a mask behind a causal one is refused") {
  const json attention = {{"heads", 2},     {"width", 32},      {"query_std", 0.1},
                          {"key_std", 0.1}, {"value_std", 0.1}, {"output_std", 0.1}};
  json masked = attention;
  masked["mask"] = "causal";
  refuses(
      {{"sequence_length", 8}, {"width", 32}, {"components", {{{"attention", masked}}, {{"attention", attention}}}}},
      "attention without a mask behind a causal one is not covered by this theory yet");
}

TEST_CASE("an encoder and a decoder are refused") {
  json spec = test::small_stack();
  spec["encoder"] = spec["stack"];
  spec["decoder"] = spec["stack"];
  spec["decoder"]["cross_attention"] = {{"heads", 4}};
  spec.erase("stack");
  refuses(spec, "cross-attention is not covered by this theory yet");
}

TEST_CASE("the published attention has no biases") {
  json spec = test::small_stack();
  spec["init"]["std"]["bias"] = 0.1;
  refuses(spec, "attention with biases is not covered by the theory 'paper'; use --theory full",
          predict::Theory::paper);
  CHECK_NOTHROW(test::predicted(spec));
}

TEST_CASE("a norm of a signal that is 0 has no moments") {
  json spec = test::small_stack();
  spec["stack"]["norm"]["placement"] = "post";
  spec["stack"]["residual"] = {{"skip", 0}};
  spec["init"]["std"]["output"] = 0;
  const network::Network network = test::network_of(spec);
  CHECK_THROWS_MATCHES(predict::predict(network, predict::Theory::full), std::domain_error,
                       Message("LayerNorm input variance is 0, but must be above 0"));
}

}  // namespace
