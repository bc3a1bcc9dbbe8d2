// SPDX-License-Identifier: Apache-2.0 Eight layers under a causal mask, where the first tokens
// stand apart: only the actual prefixes hold at every token.
#include "oracle/causal.hpp"

namespace sigprop::test {
namespace {

void reject_wrong(const CausalOracle& oracle, const nlohmann::json& spec, const CausalErrors& stated) {
  oracle.reject_last_query("prefix means", spec, predict::Prefix::means, stated);
  oracle.reject("no mask", without_mask(spec), predict::Prefix::actual, 0, 0, stated);
  oracle.reject("no mask", without_mask(spec), predict::Prefix::actual, 0, 31, stated);
}

TEST_CASE("over 8 causal Pre-LN layers the actual prefixes agree with simulation at every token, their means do not") {
  constexpr CausalErrors stated{0.02, 0.05, 0.02};
  const nlohmann::json spec = causal_stack(8, "pre", 0.0);
  const CausalOracle oracle(spec, 200, 81);
  oracle.expect("8 layers, pre", spec, predict::Prefix::actual, stated);
  constexpr std::size_t after_third_layer = 6;
  oracle.reject("prefix means", spec, predict::Prefix::means, after_third_layer, 0, stated);
  reject_wrong(oracle, spec, stated);
}

TEST_CASE("over 8 causal Post-LN layers the actual prefixes agree with simulation at every token, their means do not") {
  constexpr CausalErrors stated{0.02, 0.11, 0.03};
  const nlohmann::json spec = causal_stack(8, "post", 0.0);
  const CausalOracle oracle(spec, 100, 82);
  oracle.expect("8 layers, post", spec, predict::Prefix::actual, stated);
  reject_wrong(oracle, spec, stated);
}

TEST_CASE("with rotary positions the actual prefixes agree with simulation at every token, their means do not") {
  constexpr CausalErrors stated{0.02, 0.03, 0.035};
  nlohmann::json spec = causal_stack(8, "pre", 0.0);
  spec["stack"]["width"] = 256;
  spec["stack"]["attention"]["heads"] = 4;
  spec["stack"]["attention"]["rotary_base"] = 10000;
  spec["stack"]["ffn"]["width"] = 1024;
  const CausalOracle oracle(spec, 400, 83);
  oracle.expect("8 layers, rotary, pre", spec, predict::Prefix::actual, stated);
  oracle.reject_last_query("prefix means", spec, predict::Prefix::means, stated);
  constexpr std::size_t after_fourth_layer = 8;
  oracle.reject("prefix means", spec, predict::Prefix::means, after_fourth_layer, 0, stated);
}

}  // namespace
}  // namespace sigprop::test
