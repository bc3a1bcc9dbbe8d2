// SPDX-License-Identifier: Apache-2.0
// The depth experiment: 24 layers of width 512, where errors add up.
#include <catch2/catch.hpp>
#include <cstdio>

#include "sigprop/profile/weights.hpp"
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

/// The largest relative distance of a layer's gradient norm from the first layer's.
double unevenness(const profile::Profile& profile) {
  const double first = profile::gradient_norm_of_all(profile.layers.front())->value;
  double worst = 0;
  for (const profile::Layer& layer : profile.layers)
    worst = std::max(worst, std::abs(profile::gradient_norm_of_all(layer)->value / first - 1));
  return worst;
}

TEST_CASE("DeepScaleLM is flat in 100 layers of random networks, as predicted") {
  if (!test::has_engine()) return;
  nlohmann::json spec = test::project_spec("figure-192-deepscalelm.json");
  spec["sequence_length"] = 64;
  spec["batch"] = 2;
  spec["stack"]["layers"] = 100;
  spec["stack"]["width"] = 256;
  spec["stack"]["attention"] = {{"heads", 4}, {"dropout", 0.1}};
  spec["stack"]["ffn"] = {{"width", 1024}, {"activation", "relu"}};
  spec["stack"]["residual"] = {{"dropout", 0.1}};
  const auto predicted = [&](const char* scheme) {
    spec["init"] = {{"scheme", scheme}};
    return test::predicted(spec);
  };
  simulate::Settings settings = test::engine_settings();
  settings.replicates = 16;
  settings.seed = 100;
  settings.largest_rank = 0;
  for (const char* scheme : {"deepscalelm", "deepscalelm_full"}) {
    const profile::Profile prediction = predicted(scheme);
    CHECK(unevenness(prediction) < 0.10);
    const simulate::Result measured = simulate::simulate(test::network_of(spec), settings);
    double variance = 0;
    for (const profile::Point& point : measured.profile.points)
      variance = std::max(variance, std::abs(point.forward.variance.value - 1));
    CHECK(variance < 0.05);
    verify::Options options;
    options.replicates = measured.replicates;
    const verify::Model model{256, 64, 64, false, false};
    const auto verified = [&](const profile::Profile& profile) {
      return verify::verify(profile, measured.profile, model, options);
    };
    const verify::Verification verification = verified(prediction);
    std::printf(
        "%s, 100 layers: variance within %.1f %% of 1, gradient norm within %.1f %% of the first layer's, %.1f %% by "
        "prediction: %s\n",
        scheme, 100 * variance, 100 * unevenness(measured.profile), 100 * unevenness(prediction),
        verification.sentence.c_str());
    CHECK(verification.agrees());
    CHECK_FALSE(verified(predicted("xavier")).agrees());
  }
}

}  // namespace
