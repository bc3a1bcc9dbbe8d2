// SPDX-License-Identifier: Apache-2.0
#include "sigprop/network/knobs.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "support/spec.hpp"

namespace {

using namespace sigprop;
using network::Knob;
using nlohmann::json;

std::vector<std::string> names_of(const std::vector<Knob>& knobs) {
  std::vector<std::string> out;
  for (const Knob& knob : knobs) out.push_back(knob.name);
  return out;
}

const Knob& named(const std::vector<Knob>& knobs, const std::string& name) {
  const auto found = std::find_if(knobs.begin(), knobs.end(), [&](const Knob& knob) { return knob.name == name; });
  REQUIRE(found != knobs.end());
  return *found;
}

/// How many components have the knob.
int times_met(network::Network network, const std::string& name) {
  int out = 0;
  network::change_knob(network, name, [&out](auto x) {
    ++out;
    return x;
  });
  return out;
}

TEST_CASE("a stack's knobs have the names of its spec, each in all its places") {
  json spec = test::small_stack();
  spec["stack"]["residual"] = {{"dropout", 0.1}, {"branch", {1, 2, 1, 2, 1, 2, 1, 2}}};
  network::Network network = test::network_of(spec);
  const std::vector<Knob> knobs = network::knobs_of(network);
  CHECK(names_of(knobs) == std::vector<std::string>{"sequence_length",
                                                    "batch",
                                                    "width",
                                                    "input.mean",
                                                    "input.variance",
                                                    "input.token_correlation",
                                                    "residual.skip",
                                                    "residual.branch",
                                                    "init.std.query",
                                                    "init.std.key",
                                                    "init.std.value",
                                                    "init.std.output",
                                                    "init.std.bias",
                                                    "attention.dropout",
                                                    "attention.score_scale",
                                                    "attention.heads",
                                                    "attention.head_width",
                                                    "residual.dropout",
                                                    "init.std.ffn_in",
                                                    "ffn.width",
                                                    "init.std.ffn_out",
                                                    "init.std.ffn_out_bias",
                                                    "gradient.variance",
                                                    "gradient.token_correlation"});
  CHECK(named(knobs, "residual.branch").lowest == 1);
  CHECK(named(knobs, "residual.branch").highest == 2);
  CHECK(named(knobs, "width").highest == 128);
  CHECK(named(knobs, "ffn.width").lowest == 512);
  CHECK(named(knobs, "init.std.bias").is_zero());
  network::change_knob(network, "residual.dropout", [](auto x) { return static_cast<decltype(x)>(0.4); });
  CHECK(network::knobs_of(network).at(17).lowest == 0.4);
  CHECK(network::knobs_of(network).at(17).highest == 0.4);
}

TEST_CASE(
    "an encoder and its decoder have scales and feed-forward widths of their own, deviations and the model's width in "
    "common") {
  json spec = test::small_stack();
  spec["stack"]["norm"]["gain"] = 0.5;
  network::Network network = test::network_of(test::encoder_decoder_of(spec));
  const std::vector<Knob> knobs = network::knobs_of(network);
  CHECK(times_met(network, "encoder.residual.branch") == 2);
  CHECK(times_met(network, "decoder.residual.branch") == 3);
  CHECK(named(knobs, "decoder.cross_attention.dropout").highest == 0.1);
  CHECK(named(knobs, "decoder.norm.gain").highest == 0.5);
  CHECK(times_met(network, "init.std.query") == 3);
  CHECK(named(knobs, "encoder.ffn.width").highest == 512);
  CHECK(named(knobs, "decoder.cross_attention.heads").highest == 2);
  network::change_knob(network, "width", [](auto n) { return 2 * n; });
  CHECK(network.width == 256);
}

}  // namespace
