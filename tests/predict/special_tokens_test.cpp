// SPDX-License-Identifier: Apache-2.0
// Tokens of one sequence that differ without a mask: class tokens before patches, and those at
// which the loss gradient enters.
#include <catch2/catch.hpp>
#include <cmath>

#include "sigprop/network/knobs.hpp"
#include "sigprop/spec/write.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using Catch::Matchers::Message;
using nlohmann::json;

/// Patches behind one class token or two.
json image(std::size_t class_tokens = 1) {
  json spec = test::changed({{"layers", 2}});
  spec["input"] = {{"patches", {{"variance", 0.3}, {"token_correlation", 0.2}, {"position_std", 0.02}}},
                   {"class_token", {{"std", 0.05}, {"count", class_tokens}}}};
  return spec;
}

TEST_CASE("class tokens have their table's variance, patches theirs, and the mean is of all tokens") {
  for (const std::size_t class_tokens : {1, 2}) {
    json spec = image(class_tokens);
    spec["batch"] = 2;
    const double length = 64, some = static_cast<double>(class_tokens), others = length - some;
    const double positions = 0.0004, special = 0.0025 + positions, patch = 0.3 + positions;
    for (const char* mask : {"none", "causal"}) {
      spec["stack"]["attention"]["mask"] = mask;
      const profile::Point input = test::predicted(spec).points.front();
      INFO(class_tokens << ", mask " << mask);
      CHECK(input.forward.ends->first.value == Approx(special));
      CHECK(input.forward.ends->last.value == Approx(patch));
      CHECK(input.forward.second_moment.value == Approx((some * special + others * patch) / length));
      CHECK(input.forward.token_dot.value == Approx(0.06 * others * (others - 1) / (length * (length - 1))));
      // Tokens of one place have a position in common, class tokens all they are.
      CHECK(input.forward.cross_dot->value == Approx((some * 0.0025 / length + positions) / length));
    }
    spec["stack"]["attention"]["mask"] = "none";
    const profile::Point alike = test::predicted(spec, predict::Theory::paper).points.front();
    CHECK(alike.forward.second_moment.value == Approx((some * special + others * patch) / length));
    CHECK(alike.forward.token_dot.value == Approx(0.06 * others * (others - 1) / (length * (length - 1))));
    CHECK(alike.forward.cross_dot->value == Approx((some * 0.0025 / length + positions) / length));
  }
}

TEST_CASE("a gradient that enters at some tokens is there, and nowhere else") {
  const auto output = [](const json& at, const char* mask, predict::Theory theory = predict::Theory::full) {
    json spec = test::changed({{"layers", 2}, {"attention", {{"mask", mask}}}});
    spec["gradient"] = {{"at", at}, {"variance", 2}, {"token_correlation", 0.5}};
    return test::predicted(spec, theory).points.back().backward;
  };
  const double length = 64;
  for (const char* mask : {"none", "causal"}) {
    CHECK(output("all", mask).variance.value == Approx(2));
    CHECK(output("last", mask).variance.value == Approx(2 / length));
    CHECK(output("last", mask).ends->last.value == Approx(2));
    CHECK(output("last", mask).ends->first.value == 0);
    CHECK(output("last", mask).token_dot.value == Approx(0).margin(1e-15));
    CHECK(output("class_token", mask).ends->first.value == Approx(2));
    const profile::Backward two = output({0, 1}, mask);
    CHECK(two.variance.value == Approx(4 / length));
    CHECK(two.token_dot.value == Approx(2 / (length * (length - 1))));
  }
  const profile::Backward alike = output({3, 1}, "none", predict::Theory::paper);
  CHECK(alike.variance.value == Approx(4 / length));
  CHECK(alike.token_dot.value == Approx(2 / (length * (length - 1))));
  json long_one = test::changed({{"layers", 1}, {"attention", {{"mask", "causal"}}}});
  long_one["sequence_length"] = 512;
  long_one["gradient"] = {{"at", {400}}};
  CHECK_THROWS_MATCHES(
      test::predicted(long_one), predict::NotCovered,
      Message("what enters at some of the tokens of a group is not covered by this theory: use --prefix single"));
}

TEST_CASE("lists of tokens tell class tokens from patches, and tokens with a gradient from those without") {
  json spec = image(2);
  spec["gradient"] = {{"at", "class_token"}};
  const profile::Profile profile = test::predicted(spec, predict::Theory::full, {.tokens = {.moments = true}});
  const profile::Point &input = profile.points.front(), &output = profile.points.back();
  REQUIRE(input.forward.tokens.size() == 64);
  CHECK(input.forward.tokens[1].value == Approx(0.0029));
  CHECK(input.forward.tokens[2].value == Approx(0.3004));
  CHECK(output.backward.tokens[1].value == Approx(1));
  CHECK(output.backward.tokens[2].value == 0);

  json words = test::changed({{"layers", 1}});
  words["input"] = {{"embedding", {{"vocabulary", 2000}, {"tables", {"token"}}}}};
  words["init"]["std"]["embedding"] = 1;
  words["gradient"] = {{"at", {3}}};
  const profile::Point last =
      test::predicted(words, predict::Theory::full, {.tokens = {.moments = true}}).points.back();
  CHECK(last.backward.tokens[3].value == Approx(1));
  CHECK(last.backward.tokens[4].value == 0);
}

TEST_CASE("words are followed where the gradient enters at the first token too") {
  json spec = test::changed({{"layers", 2}}, {{"gradient", {{"at", "class_token"}}}});
  spec["input"] = {{"embedding", {{"vocabulary", 2000}, {"tables", {"token", "position"}}}}};
  spec["init"]["std"]["embedding"] = 1;
  const profile::Profile profile = test::predicted(spec);
  CHECK(profile.sequences == 8);
  CHECK(profile.points.back().backward.ends->first.value == Approx(1));
  CHECK(profile.points.front().backward.ends->first.value > 10 * profile.points.front().backward.ends->last.value);
}

TEST_CASE("where class tokens cannot be followed all tokens count as alike, and a warning tells why") {
  json spec = image();
  spec["stack"]["norm"]["kind"] = "none";
  spec["init"]["std"] = {{"query", 0.2}, {"key", 0.2}};
  const profile::Profile profile = test::predicted(spec);
  CHECK_FALSE(profile.points.front().forward.ends.has_value());
  CHECK(profile.warnings.back() ==
        "all tokens count as alike, though they are not: layer 1/attention: attention with a score variance above 0.1 "
        "on tokens whose "
        "second moments differ, as without a norm before it, is not covered by this theory yet");
}

TEST_CASE("a network of patches is written as it was read") {
  json spec = image(2);
  spec["gradient"] = {{"at", {5, 0}}};
  const network::Network network = test::network_of(spec);
  CHECK(network.gradient_tokens == std::vector<std::size_t>{0, 5});
  const network::Network again = test::network_of(test::parsed(spec::expanded_text(network, "[]")));
  const auto& input = std::get<network::GivenInput>(again.source);
  CHECK(input.class_tokens == 2);
  CHECK(input.class_std == 0.05);
  CHECK(input.position.std == 0.02);
  CHECK(again.gradient_tokens == network.gradient_tokens);
}

TEST_CASE("slopes of special tokens are those of the prediction") {
  json spec = image();
  spec["gradient"] = {{"at", "class_token"}};
  const auto gradient = [](const profile::Profile& profile) { return profile.points.front().backward.variance; };
  const network::Network network = test::network_of(spec);
  std::vector<network::Knob> knobs = network::knobs_of(network);
  std::erase_if(knobs, [](const network::Knob& knob) { return knob.name != "input.class_token.std"; });
  REQUIRE(knobs.size() == 1);
  const predict::Slopes found = predict::slopes(network, predict::Theory::full, {}, knobs, gradient);
  CHECK(found.by_differences);
  const auto moved = [&](double by) {
    spec["input"]["class_token"]["std"] = 0.05 * std::exp(by);
    return gradient(test::predicted(spec)).value;
  };
  CHECK(found.by_knob[0] == Approx(std::log(moved(0.01) / moved(-0.01)) / 0.02).epsilon(1e-3));
}

TEST_CASE("slopes by the length keep a gradient at the last token there") {
  for (const char* mask : {"none", "causal"}) {
    for (const std::size_t length : {64, 1024}) {
      json spec = test::changed({{"layers", 1}, {"attention", {{"mask", mask}}}});
      spec["sequence_length"] = length;
      spec["gradient"] = {{"at", "last"}};
      const network::Network network = test::network_of(spec);
      std::vector<network::Knob> knobs = network::knobs_of(network);
      std::erase_if(knobs, [](const network::Knob& knob) { return knob.name != "sequence_length"; });
      const auto norm = [](const profile::Profile& profile) { return *profile.layers[0].weights[5].gradient_norm; };
      const predict::Slopes found = predict::slopes(network, predict::Theory::full, {}, knobs, norm);
      INFO(mask << ", " << length << " tokens");
      // The gradient enters at one token, however many there are.
      CHECK(found.by_knob.at(0) == Approx(0).margin(0.05));
    }
  }
}

TEST_CASE("no sequences of words leave special tokens as they are") {
  json spec = image();
  const profile::Profile none = test::predicted(spec, predict::Theory::full, {.sequences = 0});
  CHECK(none.points.front().forward.ends.has_value());
  spec["stack"]["norm"]["kind"] = "none";
  spec["init"]["std"] = {{"query", 0.2}, {"key", 0.2}};
  CHECK_FALSE(test::predicted(spec, predict::Theory::full, {.sequences = 0}).warnings.empty());
}

}  // namespace
