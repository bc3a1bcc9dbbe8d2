// SPDX-License-Identifier: Apache-2.0
// The depth experiment: 24 layers of width 512, where errors add up.
#include <catch2/catch.hpp>
#include <cstdio>

#include "sigprop/profile/gradient_norm.hpp"
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

TEST_CASE("DeepScaleLM is flat in 100 layers of random networks, as predicted, and Xavier is not") {
  if (!test::has_engine()) return;
  constexpr double even_variance = 0.05;
  constexpr double even_gradient = 0.10;
  nlohmann::json spec = test::project_spec("figure-192-deepscalelm.json");
  spec["sequence_length"] = 64;
  spec["batch"] = 2;
  spec["stack"]["layers"] = 100;
  spec["stack"]["width"] = 256;
  spec["stack"]["attention"] = {{"heads", 4}, {"dropout", 0.1}};
  spec["stack"]["ffn"] = {{"width", 1024}, {"activation", "relu"}};
  spec["stack"]["residual"] = {{"dropout", 0.1}};
  const auto unevenness = [&](const char* scheme) {
    spec["init"] = {{"scheme", scheme}};
    simulate::Settings settings = test::engine_settings();
    settings.replicates = 30;
    settings.seed = 100;
    settings.largest_rank = 0;
    const profile::Profile measured = simulate::simulate(test::network_of(spec), settings).profile;
    const profile::Profile predicted = test::predicted(spec);
    double variance = 0, gradient = 0, variance_apart = 0, gradient_apart = 0;
    for (std::size_t i = 0; i < measured.points.size(); ++i) {
      const double found = measured.points[i].forward.variance.value;
      variance = std::max(variance, std::abs(found - 1));
      variance_apart = std::max(variance_apart, std::abs(found / predicted.points[i].forward.variance.value - 1));
    }
    const double first = profile::gradient_norm_of_all(measured.layers.front())->value;
    for (std::size_t i = 0; i < measured.layers.size(); ++i) {
      const double found = profile::gradient_norm_of_all(measured.layers[i])->value;
      gradient = std::max(gradient, std::abs(found / first - 1));
      gradient_apart = std::max(
          gradient_apart, std::abs(found / profile::gradient_norm_of_all(predicted.layers[i])->value - 1));
    }
    std::printf("%s, 100 layers: variance within %.1f %% of 1, gradient norm within %.1f %% of the first layer's; off the "
                "prediction by at most %.1f %% and %.1f %%\n",
                scheme, 100 * variance, 100 * gradient, 100 * variance_apart, 100 * gradient_apart);
    return std::pair(variance, gradient);
  };
  for (const char* scheme : {"deepscalelm", "deepscalelm_full"}) {
    const auto [variance, gradient] = unevenness(scheme);
    CHECK(variance < even_variance);
    CHECK(gradient < even_gradient);
  }
  CHECK(unevenness("xavier").first > 10);
}

}  // namespace
