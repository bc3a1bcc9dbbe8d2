// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "support/spec.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;

predict::Estimate estimated(const json& spec, const profile::TokenLists& tokens = {}) {
  return predict::estimate(test::network_of(spec), predict::Theory::full,
                           {.prefix = predict::Prefix::actual, .tokens = tokens});
}

/// Four layers of two points each, and an input.
json of_length(std::size_t tokens) {
  return test::changed(json::object(), {{"sequence_length", tokens}});
}

}  // namespace

TEST_CASE("an estimate does not depend on how many tokens are alike") {
  CHECK(estimated(of_length(10000000)).seconds == estimated(of_length(64)).seconds);
  CHECK(estimated(of_length(10000000)).gigabytes == estimated(of_length(64)).gigabytes);
}

TEST_CASE("an estimate counts the lists of tokens: 18 numbers a token, 9 a pair") {
  const auto added = [](std::size_t length, const profile::TokenLists& tokens) {
    return estimated(of_length(length), tokens).gigabytes - estimated(of_length(length)).gigabytes;
  };
  const double number = added(2, {.moments = true}) / 36;
  CHECK(number * 1e9 >= sizeof(profile::Quantity));
  CHECK(added(10000000, {.moments = true}) == Approx(18e7 * number));
  CHECK(added(10000000, {.moments = false, .gram = 100}) == Approx(9 * 5050 * number));
  CHECK(estimated(of_length(10000000), {.moments = true}).seconds > 10);
}

TEST_CASE("an estimate counts the rows that words and special tokens take") {
  json words = of_length(1000000);
  words["input"] = {{"embedding", {{"vocabulary", 30522}, {"tables", {"token"}}}}};
  words["init"]["std"]["embedding"] = 1;
  CHECK(estimated(words).gigabytes > 1);
  CHECK(estimated(words).seconds > 100);
  json special = of_length(1000000);
  special["gradient"] = {{"at", "last"}};
  CHECK(estimated(special).gigabytes == Approx(estimated(words).gigabytes));
  CHECK(estimated(special).seconds < estimated(words).seconds);
}

TEST_CASE("an estimate counts the frequencies of rotary positions") {
  const auto with_head = [](std::size_t width, const char* mask) {
    return test::changed({{"attention", {{"head_width", width}, {"rotary_base", 10000}, {"mask", mask}}}});
  };
  CHECK(estimated(with_head(128, "none")).seconds < 0.01);
  CHECK(estimated(with_head(10000000, "none")).seconds > 1);
  CHECK(estimated(with_head(10000000, "causal")).seconds > 2 * estimated(with_head(10000000, "none")).seconds);
}
