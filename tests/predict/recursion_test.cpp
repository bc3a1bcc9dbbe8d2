// SPDX-License-Identifier: Apache-2.0
// Where equal layers lead, against predictions of deep stacks.
#include <catch2/catch.hpp>
#include <cmath>

#include "sigprop/predict/explain.hpp"
#include "support/encoder_decoder.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;
using predict::Recursion;
using predict::Theory;
using test::changed;
using Kind = Recursion::Kind;

/// What a deep stack of the same layers is predicted to do, and what its first layer's recursion says.
struct Deep {
  profile::Profile profile;
  Recursion recursion;
  std::size_t points_a_layer;

  explicit Deep(const json& spec, std::size_t points = 2)
      : profile(test::predicted(spec)),
        recursion(predict::explain(test::network_of(spec), Theory::full, 1).recursion.value()),
        points_a_layer(points) {}

  [[nodiscard]] const profile::Point& end_of(std::size_t layer) const { return profile.points[points_a_layer * layer]; }
  [[nodiscard]] double q(std::size_t layer) const { return end_of(layer).forward.second_moment.value; }
  [[nodiscard]] double r(std::size_t layer) const { return end_of(layer).forward.token_dot.value / q(layer); }
  [[nodiscard]] double gradient(std::size_t layer) const { return end_of(layer).backward.variance.value; }
};

TEST_CASE("a Post-LN stack resets its variance and comes to the fixed point of its correlation") {
  const Deep deep(changed({{"layers", 200}, {"norm", {{"placement", "post"}}}, {"residual", {{"dropout", 0.1}}}}));
  const Recursion& x = deep.recursion;
  CHECK(x.kind == Kind::resets);
  CHECK(x.layers == 200);
  CHECK(x.first == "layer 1");
  CHECK(x.last == "layer 200");
  CHECK(x.limit.value() == Approx(1));
  CHECK(x.end_correlation == Approx(deep.r(200)).epsilon(1e-9));
  CHECK(x.correlation.value() == Approx(deep.r(200)).epsilon(1e-8));
  CHECK((deep.r(7) - x.correlation.value()) / (deep.r(6) - x.correlation.value()) ==
        Approx(x.correlation_slope).epsilon(0.02));
  CHECK(deep.gradient(100) / deep.gradient(101) == Approx(x.modes[0].growth).epsilon(1e-6));
  const profile::Backward& g = deep.end_of(100).backward;
  CHECK(g.token_correlation.value == Approx(x.modes[0].correlation).epsilon(1e-5));
  CHECK(x.modes[1].growth < x.modes[0].growth);
}

TEST_CASE("a Pre-LN stack adds to its variance, and its gradient follows a power of depth") {
  const Deep deep(changed({{"layers", 1000}, {"residual", {{"dropout", 0.1}}}}));
  const Recursion& x = deep.recursion;
  CHECK(x.kind == Kind::adds);
  CHECK(x.gain.text() == "1");
  CHECK_FALSE(x.limit);
  CHECK(deep.q(1000) - deep.q(999) == Approx(x.increment).epsilon(5e-3));
  CHECK(deep.r(1000) == Approx(x.correlation.value()).epsilon(0.01));
  // Between the two powers, the faster of which has begun from nothing.
  const double exponent = std::log(deep.gradient(500) / deep.gradient(950)) / std::log(950.0 / 500);
  CHECK(exponent >= x.modes[1].exponent.value() * 0.97);
  CHECK(exponent <= x.modes[0].exponent.value());
}

TEST_CASE("scaled residual sums settle where A q + C(r) stays") {
  const Deep deep(changed({{"layers", 400}, {"residual", {{"dropout", 0.1}, {"skip", 0.95}, {"branch", 0.3}}}}));
  const Recursion& x = deep.recursion;
  CHECK(x.kind == Kind::settles);
  CHECK(x.gain.text() == "λ₂² λ₁²");
  CHECK(x.gain.sample() == Approx(std::pow(0.95, 4)));
  CHECK(x.limit.value() == Approx(deep.q(400)).epsilon(1e-6));
  CHECK(x.limit.value() == Approx(x.increment / (1 - x.gain.sample())));
  CHECK(x.correlation.value() == Approx(deep.r(400)).epsilon(1e-6));
  CHECK(deep.gradient(100) / deep.gradient(101) == Approx(x.modes[0].growth).epsilon(1e-6));
}

TEST_CASE("linear maps and ReLU multiply, with a mean that the second moment holds") {
  const json spec =
      json::parse(R"({"sequence_length": 64, "input": {"variance": 1, "token_correlation": 0.2}, "components": [
      {"repeat": {"times": 30, "of": [{"linear": {"in": 512, "out": 512, "weight_std": 0.07}}, {"activation": "relu"}]}}]})");
  const Deep deep(spec);
  const Recursion& x = deep.recursion;
  CHECK(x.kind == Kind::scales);
  CHECK(x.second_moment.text() == "1.2544 q");
  CHECK(x.growth == Approx(512 * 0.07 * 0.07 / 2));
  CHECK(deep.q(20) / deep.q(19) == Approx(x.growth));
  CHECK(x.correlation.value() == Approx(1));
  CHECK(x.correlation_slope == Approx(1).margin(1e-3));
  CHECK(deep.gradient(19) / deep.gradient(20) == Approx(x.modes[0].growth));
}

TEST_CASE("a layer whose neighbours differ from it, or that is alone, has no recursion") {
  CHECK_FALSE(predict::explain(test::network_of(changed({{"layers", 1}})), Theory::full, 1).recursion);
  const json lambdas = {{"layers", 2}, {"residual", {{"skip", {1, 0.9, 0.8, 1}}}}};
  CHECK_FALSE(predict::explain(test::network_of(changed(lambdas)), Theory::full, 2).recursion);
}

TEST_CASE("the recursion of an encoder is that of its layers") {
  json both = test::encoder_decoder_of(changed({{"layers", 3}}));
  both["decoder"]["attention"]["mask"] = "none";
  const network::Network network = test::network_of(both);
  const auto of = [&](std::size_t layer) { return predict::explain(network, Theory::full, layer).recursion.value(); };
  CHECK(of(2).first == "encoder/layer 1");
  CHECK(of(2).last == "encoder/layer 3");
  CHECK(of(4).first == "decoder/layer 1");
  CHECK(of(4).layers == 3);
}

}  // namespace
