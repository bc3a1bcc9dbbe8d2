// SPDX-License-Identifier: Apache-2.0
#include "support/spec.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <utility>

namespace sigprop::test {

using nlohmann::json;

json parsed(const std::string& text) {
  return json::parse(text);
}

std::string text_of(const json& value) {
  return value.dump();
}

spec::ReadResult read(const json& spec, const std::string& folder) {
  return spec::read_text(text_of(spec), "test.json", folder);
}

network::Network network_of(const json& spec) {
  spec::ReadResult result = read(spec);
  for (const std::string& error : result.errors) UNSCOPED_INFO(error);
  REQUIRE(result.network);
  return *std::move(result.network);
}

profile::Profile predicted(const json& spec, predict::Theory theory, const predict::Options& options) {
  return predict::predict(network_of(spec), theory, options);
}

json project_spec(const std::string& name) {
  std::ifstream file(std::string(SIGPROP_SOURCE) + "/specs/" + name);
  REQUIRE(file);
  return json::parse(file);
}

json small_stack() {
  return parsed(R"({
    "sequence_length": 64,
    "input": {"variance": 1, "token_correlation": 0.2},
    "stack": {"layers": 4, "width": 128, "attention": {"heads": 4}, "ffn": {"width": 512, "activation": "relu"},
              "norm": {"kind": "layer_norm", "placement": "pre", "final": false}},
    "init": {"scheme": "lecun"}})");
}

json merged(json value, const json& changes) {
  value.merge_patch(changes);
  return value;
}

json changed(const json& stack, const json& more) {
  json spec = small_stack();
  spec["stack"].merge_patch(stack);
  return merged(std::move(spec), more);
}

json encoder_decoder_of(json spec) {
  spec["encoder"] = spec["stack"];
  spec["decoder"] = spec["stack"];
  spec["decoder"]["cross_attention"] = {{"heads", 2}, {"dropout", 0.1}};
  spec["decoder"]["attention"]["mask"] = "causal";
  spec["decoder"].erase("residual");
  spec.erase("stack");
  return spec;
}

}  // namespace sigprop::test
