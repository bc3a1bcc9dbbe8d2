// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "sigprop/predict/predict.hpp"
#include "sigprop/spec/read.hpp"

namespace sigprop::test {

/// The network of a spec that must be right.
[[nodiscard]] inline network::Network network_of(const nlohmann::json& spec) {
  spec::ReadResult result = spec::read_text(spec.dump(), "test.json");
  for (const std::string& error : result.errors) UNSCOPED_INFO(error);
  REQUIRE(result.network);
  return *result.network;
}

[[nodiscard]] inline profile::Profile predicted(const nlohmann::json& spec,
                                                predict::Theory theory = predict::Theory::full,
                                                const predict::Options& options = {}) {
  return predict::predict(network_of(spec), theory, options);
}

/// A spec of the project's own folder.
[[nodiscard]] inline nlohmann::json project_spec(const std::string& name) {
  std::ifstream file(std::string(SIGPROP_SOURCE) + "/specs/" + name);
  REQUIRE(file);
  return nlohmann::json::parse(file);
}

/// A small Pre-LN stack without dropout, to change in a test.
[[nodiscard]] inline nlohmann::json small_stack() {
  return nlohmann::json::parse(R"({
    "sequence_length": 64,
    "input": {"variance": 1, "token_correlation": 0.2},
    "stack": {"layers": 4, "width": 128, "attention": {"heads": 4}, "ffn": {"width": 512, "activation": "relu"},
              "norm": {"kind": "layer_norm", "placement": "pre", "final": false}},
    "init": {"scheme": "lecun"}})");
}

/// The same, with changes to its stack and to the spec around it.
[[nodiscard]] inline nlohmann::json changed(const nlohmann::json& stack,
                                            const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json spec = small_stack();
  spec["stack"].merge_patch(stack);
  spec.merge_patch(more);
  return spec;
}

}  // namespace sigprop::test
