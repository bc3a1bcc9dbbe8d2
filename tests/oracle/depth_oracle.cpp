// SPDX-License-Identifier: Apache-2.0
// The depth experiment: 24 layers of width 512, where errors add up.
#include <catch2/catch.hpp>
#include <cstdio>

#include "sigprop/simulate/simulate.hpp"
#include "sigprop/verify/verify.hpp"
#include "support/engine.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;

void check(const char* placement, bool post_norm) {
  if (!test::has_engine()) return;
  nlohmann::json spec = test::small_stack();
  spec["stack"]["layers"] = 24;
  spec["stack"]["width"] = 512;
  spec["stack"]["attention"] = {{"heads", 8}, {"dropout", 0.1}};
  spec["stack"]["ffn"] = {{"width", 2048}, {"activation", "gelu"}};
  spec["stack"]["norm"] = {{"kind", "layer_norm"}, {"placement", placement}};
  spec["stack"]["residual"] = {{"dropout", 0.1}};
  spec["init"] = {{"scheme", "xavier"}};
  simulate::Settings settings = test::engine_settings();
  settings.replicates = 30;
  settings.seed = 24;
  settings.largest_rank = 0;
  const simulate::Result measured = simulate::simulate(test::network_of(spec), settings);
  verify::Options options;
  options.replicates = measured.replicates;
  const verify::Model model{512, 64, 64, post_norm, false};
  const auto verified = [&](predict::Theory theory) {
    return verify::verify(test::predicted(spec, theory), measured.profile, model, options);
  };
  const verify::Verification full = verified(predict::Theory::full);
  std::printf("%s: full: %s\n", placement, full.sentence.c_str());
  CHECK(full.agrees());
  for (const verify::QuantityVerdict& verdict : verified(predict::Theory::paper).quantities) {
    if (verdict.quantity != "backward.variance") continue;
    std::printf("%s: paper: gradient variance predicted/measured %.3g at %s\n", placement,
                verdict.worst.predicted.value / verdict.worst.measured.value, verdict.worst.path.c_str());
    CHECK(verdict.disagreeing > 0);
  }
}

TEST_CASE("over 24 Pre-LN layers full agrees with simulation and paper fails on the gradient") {
  check("pre", false);
}

TEST_CASE("over 24 Post-LN layers full agrees with simulation and paper fails on the gradient") {
  check("post", true);
}

}  // namespace
