// SPDX-License-Identifier: Apache-2.0
// Whole stacks under a causal mask: what a result says of them.
#include <catch2/catch.hpp>
#include <cmath>

#include "support/spec.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;

json causal_stack(int length) {
  json spec = test::small_stack();
  spec["sequence_length"] = length;
  spec["stack"]["layers"] = 1;
  spec["stack"]["attention"]["mask"] = "causal";
  return spec;
}

profile::Profile predicted(const json& spec, const predict::Options& options = {}) {
  return test::predicted(spec, predict::Theory::full, options);
}

predict::Options every_token() {
  predict::Options options;
  options.tokens.moments = true;
  return options;
}

double mean(const std::vector<profile::Quantity>& tokens) {
  double sum = 0;
  for (const profile::Quantity& token : tokens) sum += token.value;
  return sum / static_cast<double>(tokens.size());
}

TEST_CASE("a result says what its prefixes are: actual ones, or those asked for") {
  json rotary = causal_stack(48);
  rotary["stack"]["attention"]["rotary_base"] = 10000;
  CHECK(predicted(causal_stack(48)).prefix == "actual");
  CHECK(predicted(causal_stack(5000)).prefix == "actual");
  CHECK(predicted(rotary).prefix == "actual");
  CHECK(predicted(causal_stack(48), {predict::Prefix::means}).prefix == "means");
  CHECK(predicted(causal_stack(48), {predict::Prefix::single}).prefix == "single");
  CHECK(predicted(test::small_stack()).prefix.empty());
}

TEST_CASE("every token is listed where asked for: their mean is the moment, their ends are the first and the last",
          "[bulk]") {
  const profile::Profile profile = predicted(causal_stack(48), every_token());
  for (const profile::Point& point : profile.points) {
    INFO(point.path);
    REQUIRE(point.forward.tokens.size() == 48);
    REQUIRE(point.backward.tokens.size() == 48);
    CHECK(mean(point.forward.tokens) == Approx(point.forward.second_moment.value));
    CHECK(mean(point.backward.tokens) == Approx(point.backward.variance.value));
    CHECK(point.forward.tokens.front().value == point.forward.ends->first.value);
    CHECK(point.backward.tokens.back().value == point.backward.ends->last.value);
  }
  CHECK(profile.points[1].forward.tokens[0].value > profile.points[1].forward.tokens[1].value);
  CHECK(predicted(causal_stack(48)).points[1].forward.tokens.empty());
}

TEST_CASE("without a mask all tokens are listed alike") {
  for (const predict::Theory theory : {predict::Theory::full, predict::Theory::paper}) {
    const profile::Profile profile = test::predicted(test::small_stack(), theory, every_token());
    for (const profile::Point& point : profile.points) {
      REQUIRE(point.forward.tokens.size() == 64);
      CHECK(point.forward.tokens.front().value == point.forward.second_moment.value);
      CHECK(point.forward.tokens.back().value == point.forward.second_moment.value);
      CHECK(point.backward.tokens.back().value == point.backward.variance.value);
    }
  }
}

TEST_CASE("the Gram matrix of all tokens has their second moments and the mean of their products") {
  for (const char* mask : {"causal", "none"}) {
    INFO("mask " << mask);
    json spec = causal_stack(48);
    spec["stack"]["attention"]["mask"] = mask;
    const profile::Profile profile = predicted(spec, {{}, {true, 100}});
    REQUIRE(profile.gram_tokens.size() == 48);
    for (const profile::Point& point : profile.points) {
      const std::vector<profile::Quantity>& gram = point.forward.gram;
      INFO(point.path);
      REQUIRE(gram.size() == 48 * 49 / 2);
      double others = 0;
      for (std::size_t i = 0, at = 0; i < 48; ++i, ++at) {
        for (std::size_t j = 0; j < i; ++j) others += gram[at++].value;
        CHECK(gram[at].value == point.forward.tokens[i].value);
      }
      CHECK(others / (48 * 47 / 2) == Approx(point.forward.token_dot.value));
    }
    const std::vector<profile::Quantity>& last = profile.points.back().forward.gram;
    CHECK((last[1].value != Approx(last.end()[-2].value)) == (std::string(mask) == "causal"));
  }
}

TEST_CASE("an encoder's tokens are listed beside its decoder's") {
  json spec = test::encoder_decoder_of(test::small_stack());
  spec["decoder"]["attention"]["mask"] = "causal";
  const profile::Profile profile = predicted(spec, {{}, {true, 3}});
  for (const profile::Point& point : profile.points) {
    INFO(point.path);
    CHECK(point.forward.tokens.size() == 64);
    CHECK(point.forward.gram.size() == 6);
  }
}

TEST_CASE("a batch under a mask multiplies a value's gradient norm as the sequences do that are drawn apart",
          "[bulk]") {
  json spec = causal_stack(48);
  const profile::Profile one = predicted(spec);
  spec["batch"] = 16;
  const profile::Profile many = predicted(spec);
  CHECK(many.points[0].backward.norm.value == Approx(4 * one.points[0].backward.norm.value));
  CHECK(many.layers[0].weights[2].gradient_norm->value == Approx(4 * one.layers[0].weights[2].gradient_norm->value));
}

TEST_CASE("a gradient that all sequences have in common makes weight gradients grow with the batch") {
  for (const char* mask : {"none", "causal"}) {
    INFO("mask " << mask);
    json spec = causal_stack(48);
    spec["stack"]["attention"]["mask"] = mask;
    spec["input"] = {{"embedding", {{"vocabulary", 100}, {"tables", {"token", "position"}}, {"std", 0.7}}}};
    spec["gradient"] = {{"token_correlation", 0.2}};
    spec["batch"] = 16;
    const profile::Profile apart = predicted(spec);
    spec["gradient"]["cross_correlation"] = 0.2;
    const profile::Profile common = predicted(spec);
    CHECK(apart.points[0].backward.cross_dot->value == 0);
    CHECK(common.points[0].backward.cross_dot->value > 0);
    CHECK(common.points[0].backward.variance.value == Approx(apart.points[0].backward.variance.value));
    for (std::size_t w = 0; w < apart.layers[0].weights.size(); ++w) {
      CHECK(common.layers[0].weights[w].gradient_norm->value > 1.05 * apart.layers[0].weights[w].gradient_norm->value);
    }
  }
}

}  // namespace
