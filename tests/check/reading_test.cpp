// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <stdexcept>

#include "check/made.hpp"

namespace {

using namespace sigprop;
using namespace sigprop::test;

TEST_CASE("a reading is a quantity and a place: first, last or a layer") {
  const auto at = [](const char* text) { return check::reading_of(text).at; };
  CHECK(check::reading_of("forward.variance last").quantity == "forward.variance");
  CHECK_FALSE(check::reading_of("forward.variance last").over);
  CHECK(at("forward.variance first").kind == Kind::first);
  CHECK(at("forward.variance last").kind == Kind::last);
  CHECK(at("forward.variance 12").kind == Kind::layer);
  CHECK(at("forward.variance 12").layer == 12);
  CHECK(at("forward.variance 0").layer == 0);
}

TEST_CASE("two places make a ratio") {
  const check::Condition reading = check::reading_of("backward.variance first/3");
  CHECK(reading.at.kind == Kind::first);
  REQUIRE(reading.over);
  CHECK(reading.over->kind == Kind::layer);
  CHECK(reading.over->layer == 3);
}

TEST_CASE("a reading that is none is told what it must be") {
  const auto message = [](const std::string& text, const std::string& why) {
    INFO(text);
    CHECK_THROWS_WITH(check::reading_of(text),
                      "\"" + text + "\" " + why +
                          "; it must be a quantity and a place, first, last or the number of a "
                          "layer, or two of them for a ratio, as in \"forward.variance last\" "
                          "or \"backward.variance first/last\"");
  };
  message("forward.variance", "names no place");
  message("weights.*.gradient_norm last", "stands for several numbers");
  message("forward.variance end", "has the place \"end\"");
  message("forward.variance 3x", "has the place \"3x\"");
  message("forward.variance -1", "has the place \"-1\"");
  message("forward.variance ", "has the place \"\"");
  message("forward.variance first/", "has the place \"\"");
}

TEST_CASE("a reading has the number of its place") {
  const auto value = [](const char* text) { return check::read(check::reading_of(text), made()).value; };
  CHECK(value("forward.variance last") == 4.02);
  CHECK(value("forward.variance first") == 2.02);
  CHECK(value("forward.variance 0") == 0.02);
  CHECK(value("forward.variance last/first") == Approx(4.02 / 2.02));
  CHECK(value("weights.query.gradient_norm 2") == 6);
}

TEST_CASE("a number that a profile does not have is refused, and so is one that is none") {
  profile::Profile profile = made();
  CHECK_THROWS_AS(check::read(check::reading_of("forward.variance 3"), profile), std::invalid_argument);
  CHECK_THROWS_AS(check::read(check::reading_of("forward.varianze last"), profile), std::invalid_argument);
  profile.points.back().forward.variance = std::nan("");
  CHECK_THROWS_WITH(check::read(check::reading_of("forward.variance last"), profile),
                    "the quantity \"forward.variance\" is no number at layer 2/ffn: look for a standard deviation or "
                    "residual scale of 0");
}

}  // namespace
