// SPDX-License-Identifier: Apache-2.0
// What the literature reports of BERT-base's shape under its initializations, each claim a test.
#include <catch2/catch.hpp>
#include <cmath>

#include "sigprop/profile/summary.hpp"
#include "sigprop/profile/weights.hpp"
#include "sigprop/spec/initialize.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;

constexpr int depths[] = {12, 48, 192};

profile::Profile under(const spec::SchemeChoice& choice, int layers) {
  nlohmann::json spec = test::project_spec("bert-base.json");
  spec["stack"]["layers"] = layers;
  const spec::Initialized made = spec::initialize(test::text_of(spec), "bert-base.json", choice, false);
  REQUIRE(made.read.network);
  return predict::predict(*made.read.network, predict::Theory::full);
}

double factor(const std::optional<double>& log10) {
  REQUIRE(log10);
  return std::pow(10.0, *log10);
}

double gradient_first_over_last(const profile::Profile& profile) {
  return 1 / factor(profile.summary.backward_ratios.log10_last_over_first);
}

TEST_CASE("Post-LN with deviations of 0.02 loses its gradient towards the input, exponentially with depth", "[bulk]") {
  CHECK(under({"bert", {}}, 12).summary.backward_law == "exponential");
  CHECK(under({"bert", {}}, 48).summary.backward_law == "exponential");
  CHECK(gradient_first_over_last(under({"bert", {}}, 12)) < 0.8);
  CHECK(gradient_first_over_last(under({"bert", {}}, 48)) < 0.15);
  CHECK(gradient_first_over_last(under({"bert", {}}, 192)) < 0.01);
}

TEST_CASE("Pre-LN with deviations of 0.02 grows linearly with depth", "[bulk]") {
  for (const spec::SchemeChoice& choice : {spec::SchemeChoice{"llama", {}}, {"gpt2", {{"output_scaling", 0}}}}) {
    for (const int layers : depths) {
      const profile::Profile profile = under(choice, layers);
      INFO(choice.name << ", " << layers << " layers");
      CHECK(profile.summary.forward_law == "linear");
      CHECK(factor(profile.summary.forward_ratios.log10_last_over_first) > 1 + 0.1 * (layers - 1));
    }
  }
}

TEST_CASE("GPT-2's scaled outputs take the growth of Pre-LN away", "[bulk]") {
  for (const int layers : depths)
    CHECK(factor(under({"gpt2", {}}, layers).summary.forward_ratios.log10_last_over_first) < 1.1);
}

TEST_CASE("DeepNorm keeps gradients flat at any depth", "[bulk]") {
  for (const int layers : depths) {
    const profile::Profile profile = under({"deepnorm", {}}, layers);
    INFO(layers << " layers");
    CHECK(gradient_first_over_last(profile) == Approx(1).epsilon(0.02));
    CHECK(profile::log10_spread(profile) < std::log10(1.01));
  }
}

TEST_CASE("DeepScaleLM keeps variance and weight gradients flat at any depth", "[bulk]") {
  const double within = std::log10(1.21);  // 10 % in a norm
  for (const char* scheme : {"deepscalelm", "deepscalelm_full"}) {
    for (const int layers : depths) {
      INFO(scheme << ", " << layers << " layers");
      CHECK(profile::log10_spread(under({scheme, {}}, layers)) < within);
    }
  }
  CHECK(profile::log10_spread(under({"llama", {}}, 48)) > within);
  CHECK(profile::log10_spread(under({"bert", {}}, 192)) > within);
}

}  // namespace
