// SPDX-License-Identifier: Apache-2.0
// One layer under a causal mask, where both forms of its prefixes must hold at every token.
#include "oracle/causal.hpp"

namespace sigprop::test {
namespace {

using nlohmann::json;

constexpr CausalErrors one_layer{0.02, 0.02, 0.02};
constexpr std::size_t replicates = 250;

/// Scores of variance about `sharpness`; a gradient whose tokens correlate.
json attention_alone(double sharpness, double dropout) {
  const double plain = 1 / std::sqrt(512.0), score = std::pow(sharpness, 0.25) * plain;
  return {{"sequence_length", 32},
          {"batch", 2},
          {"input", {{"variance", 1}, {"token_correlation", 0.2}}},
          {"components",
           {{{"attention",
              {{"width", 512},
               {"heads", 8},
               {"mask", "causal"},
               {"dropout", dropout},
               {"query_std", score},
               {"key_std", score},
               {"value_std", plain},
               {"output_std", plain}}},
             {"point", "attention"}}}},
          {"gradient", {{"variance", 1}, {"token_correlation", 0.2}}}};
}

TEST_CASE(
    "one causal attention alone agrees with simulation at every token, by its actual prefixes and by their means") {
  for (const double sharpness : {0.5, 4.0}) {
    for (const double dropout : {0.0, 0.1}) {
      const json spec = attention_alone(sharpness, dropout);
      const CausalOracle oracle(spec, replicates, 71);
      const std::string what =
          "attention, sharpness " + std::to_string(sharpness) + ", dropout " + std::to_string(dropout);
      oracle.expect(what + ", actual", spec, predict::Prefix::actual, one_layer);
      oracle.expect(what + ", means", spec, predict::Prefix::means, one_layer);
      json wrong = spec;
      wrong["components"][0]["attention"]["mask"] = "none";
      oracle.reject(what + ", no mask", wrong, predict::Prefix::actual, 0, 0, one_layer);
      oracle.reject(what + ", no mask", wrong, predict::Prefix::actual, 0, 31, one_layer);
    }
  }
}

TEST_CASE(
    "one causal layer with its FFN agrees with simulation at every token, by its actual prefixes and by their means") {
  for (const char* placement : {"pre", "post"}) {
    const json spec = causal_stack(1, placement, 0.1);
    const CausalOracle oracle(spec, replicates, 72);
    const std::string what = std::string("one layer, ") + placement;
    oracle.expect(what + ", actual", spec, predict::Prefix::actual, one_layer);
    oracle.expect(what + ", means", spec, predict::Prefix::means, one_layer);
    oracle.reject(what + ", no mask", without_mask(spec), predict::Prefix::actual, 0, 0, one_layer);
    oracle.reject(what + ", no mask", without_mask(spec), predict::Prefix::actual, 0, 31, one_layer);
  }
}

}  // namespace
}  // namespace sigprop::test
