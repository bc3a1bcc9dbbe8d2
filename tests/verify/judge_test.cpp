// SPDX-License-Identifier: Apache-2.0
#include "sigprop/verify/judge.hpp"

#include <catch2/catch.hpp>
#include <cmath>

namespace sigprop::test {
namespace {

using profile::Measurement;

/// Two points whose second moments have a spread of 10 %, and the gradient one of 20 %.
profile::Profile predicted() {
  profile::Profile out;
  for (std::size_t i = 0; i < 2; ++i) {
    profile::Point point;
    point.index = i;
    point.path = i == 0 ? "input" : "layer 1/ffn";
    point.layer = i;
    point.forward.second_moment = 2.0;
    point.forward.second_moment.set_spread(0.1);
    point.backward.variance = 1.0;
    point.backward.variance.set_spread(0.2);
    out.points.push_back(point);
  }
  return out;
}

std::vector<profile::DeviationRow> rows() {
  return {{{false, 0, "forward.second_moment"}, {0.1, 0, 0}},
          {{false, 1, "forward.second_moment"}, {0.08, 0.06, 0}},
          {{false, 0, "backward.variance"}, {0, 0, 0.2}}};
}

Measurement of(std::size_t point, const char* quantity, double value) {
  return {{false, point, quantity}, value};
}

constexpr verify::Model wide{1e6, 64, 64, false};

}  // namespace

TEST_CASE("a measurement is judged in its logarithm, around the median") {
  const double median = 2 * std::exp(-0.1 * 0.1 / 2);
  const auto judgement = verify::judge(predicted(), {of(0, "forward.second_moment", median)}, {}, wide, {});
  REQUIRE(judgement.quantities.size() == 1);
  CHECK(judgement.quantities[0].z == Approx(0).margin(1e-12));
  CHECK(judgement.agrees());
  CHECK_THAT(judgement.sentence, Catch::Equals("all 1 quantities lie within the spread"));
  const auto [low, high] = judgement.quantities[0].range(judgement.critical_z);
  const auto at = [&](double value) {
    return verify::judge(predicted(), {of(0, "forward.second_moment", value)}, {}, wide, {}).agrees();
  };
  CHECK(at(low * 1.001));
  CHECK_FALSE(at(low * 0.999));
  CHECK(at(high * 0.999));
  CHECK_FALSE(at(high * 1.001));
}

TEST_CASE("the first place on the way of the signal is named, then the gradient's from the output") {
  const auto judgement = verify::judge(predicted(),
                                       {of(0, "forward.second_moment", 2), of(1, "forward.second_moment", 20),
                                        of(0, "backward.variance", 50), of(1, "backward.variance", 40)},
                                       {}, wide, {});
  CHECK(judgement.off() == 3);
  CHECK_THAT(judgement.sentence, Catch::StartsWith("3 of 4 quantities are off; the first is forward.second_moment at "
                                                   "layer 1/ffn: 20, 10 times the mean 2"));
  const auto gradient =
      verify::judge(predicted(), {of(0, "backward.variance", 50), of(1, "backward.variance", 40)}, {}, wide, {});
  CHECK_THAT(gradient.sentence, Catch::Contains("backward.variance at layer 1/ffn"));
}

TEST_CASE("what is not positive has no logarithm and is off") {
  const auto judgement = verify::judge(predicted(), {of(0, "forward.second_moment", 0)}, {}, wide, {});
  CHECK_FALSE(judgement.agrees());
}

TEST_CASE("quantities that are each within their spread can be off together") {
  // Each 2 to 3 deviations off, in directions that the rows correlate the other way.
  const std::vector<Measurement> measured{of(0, "forward.second_moment", 2 * std::exp(0.28)),
                                          of(1, "forward.second_moment", 2 * std::exp(-0.28)),
                                          of(0, "backward.variance", std::exp(-0.1))};
  const auto alone = verify::judge(predicted(), measured, {}, wide, {});
  CHECK(alone.agrees());
  const auto together = verify::judge(predicted(), measured, rows(), wide, {});
  REQUIRE(together.together);
  CHECK(together.together->parts == 3);
  CHECK_FALSE(together.agrees());
  CHECK_THAT(together.sentence, Catch::Contains("together they are"));
  CHECK(together.off() == 0);
}

TEST_CASE("the mean of many networks has a smaller spread") {
  const std::vector<Measurement> measured{of(0, "forward.second_moment", 2 * std::exp(0.2))};
  CHECK(verify::judge(predicted(), measured, {}, wide, {.networks = 1}).agrees());
  const auto many = verify::judge(predicted(), measured, {}, wide, {.networks = 100});
  CHECK(many.quantities[0].spread == Approx(0.01).epsilon(0.01));
  CHECK_FALSE(many.agrees());
}

TEST_CASE("what has no spread is not judged") {
  const auto judgement = verify::judge(predicted(), {of(0, "forward.token_dot", 1)}, {}, wide, {});
  CHECK(judgement.quantities.empty());
  CHECK_THAT(judgement.sentence, Catch::Contains("nothing"));
}

TEST_CASE("the chance to see a fault is a half where it lies at the limit") {
  const auto judgement = verify::judge(predicted(), {of(0, "forward.second_moment", 2)}, {}, wide, {});
  profile::Profile faulty = predicted();
  const double shift = judgement.critical_z * std::hypot(0.1, judgement.quantities[0].model_error);
  faulty.points[0].forward.second_moment = 2 * std::exp(shift);
  CHECK(verify::chance_to_see(judgement, faulty) == Approx(0.5).margin(1e-6));
  CHECK(verify::chance_to_see(judgement, predicted()) < 1e-3);
}

}  // namespace sigprop::test
