// SPDX-License-Identifier: Apache-2.0
// Where equal layers lead, against predictions of deep stacks.
#include <catch2/catch.hpp>
#include <cmath>

#include "sigprop/predict/explain.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;
using predict::Recursion;
using predict::Theory;
using test::changed;
using Kind = Recursion::Kind;

/// What a deep stack of the same layers is predicted to do, and what its first layer's recursion
/// says.
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
  CHECK((deep.r(7) - x.correlation.value()) / (deep.r(6) - x.correlation.value()) == Approx(x.shrinking).epsilon(0.02));
  CHECK(deep.gradient(100) / deep.gradient(101) == Approx(x.modes[0].growth).epsilon(1e-6));
  const profile::Backward& g = deep.end_of(100).backward;
  CHECK(g.token_correlation.value == Approx(x.modes[0].correlation.value()).epsilon(1e-5));
  CHECK(x.modes[1].growth < x.modes[0].growth);
}

TEST_CASE("a Pre-LN stack adds to its variance, and its gradient follows a power of depth") {
  const Deep deep(changed({{"layers", 1000}, {"residual", {{"dropout", 0.1}}}}));
  const Recursion& x = deep.recursion;
  CHECK(x.kind == Kind::adds);
  CHECK(x.gain == 1);
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
  CHECK(x.gain_expression.value().text() == "λ₂² λ₁²");
  CHECK(x.gain == Approx(std::pow(0.95, 4)));
  CHECK(x.limit.value() == Approx(deep.q(400)).epsilon(1e-6));
  CHECK(x.limit.value() == Approx(x.increment / (1 - x.gain)));
  CHECK(x.correlation.value() == Approx(deep.r(400)).epsilon(1e-6));
  CHECK(deep.gradient(100) / deep.gradient(101) == Approx(x.modes[0].growth).epsilon(1e-6));
}

TEST_CASE("linear maps and ReLU multiply, with a mean that the second moment holds") {
  const json spec =
      test::parsed(R"({"sequence_length": 64, "input": {"variance": 1, "token_correlation": 0.2}, "components": [
      {"repeat": {"times": 30, "of": [{"linear": {"in": 512, "out": 512, "weight_std": 0.07}}, {"activation": "relu"}]}}]})");
  const Deep deep(spec);
  const Recursion& x = deep.recursion;
  CHECK(x.kind == Kind::scales);
  CHECK(x.second_moment.text() == "1.2544 q");
  CHECK(x.growth == Approx(512 * 0.07 * 0.07 / 2));
  CHECK(deep.q(20) / deep.q(19) == Approx(x.growth));
  CHECK(x.correlation.value() == Approx(1));
  CHECK(x.shrinking == Approx(1).margin(1e-3));
  CHECK(deep.gradient(19) / deep.gradient(20) == Approx(x.modes[0].growth));
}

/// A repeat of components after a normal input, `turns` times.
json repeated(std::size_t turns, const json& of) {
  return {{"sequence_length", 64},
          {"input", {{"variance", 1}, {"token_correlation", 0.2}}},
          {"components", {{{"repeat", {{"times", turns}, {"of", of}}}}}}};
}

json linear(double weight, double bias = 0) {
  return {{"linear", {{"in", 256}, {"out", 256}, {"weight_std", weight}, {"bias_std", bias}}}};
}

TEST_CASE("where q and r come to rest together, r comes as slowly as the slower of them") {
  const Deep deep(repeated(60, {linear(0.07, 0.3), {{"activation", "relu"}}, {{"dropout", 0.2}}}), 3);
  const Recursion& x = deep.recursion;
  CHECK(x.kind == Kind::settles);
  const double rest = x.correlation.value();
  CHECK((deep.r(40) - rest) / (deep.r(39) - rest) == Approx(x.shrinking).epsilon(1e-4));
  const Deep stack(changed({{"layers", 30}, {"residual", {{"skip", 0.8}, {"branch", 0.6}}}}));
  const double there = stack.recursion.correlation.value();
  CHECK((stack.r(20) - there) / (stack.r(19) - there) == Approx(stack.recursion.shrinking).epsilon(1e-3));
}

TEST_CASE("what is no such map, or not from the first layer on, is told as such") {
  const auto kind_of = [](const json& spec) {
    return predict::explain(test::network_of(spec), Theory::full, 1).recursion.value().kind;
  };
  CHECK(kind_of(changed({{"residual", {{"skip", 1.05}}}})) == Kind::grows);
  CHECK(kind_of(repeated(6, {linear(0.05), {{"activation", "squared_relu"}}})) == Kind::other);
  CHECK(kind_of(repeated(40, {linear(0.12, 0.2), {{"activation", "silu"}}})) == Kind::other);
  CHECK(kind_of(
            changed({{"layers", 100}, {"norm", {{"kind", "none"}}}, {"residual", {{"skip", 0.9}, {"branch", 0.1}}}})) ==
        Kind::other);
  const Deep leaky(repeated(100, {linear(0.08, 0.2), {{"activation", "leaky_relu"}}}));
  CHECK(leaky.recursion.kind == Kind::settles);
  CHECK_FALSE(leaky.recursion.gain_expression);  // a quadrature's derivative has no closed form
  CHECK(leaky.recursion.limit.value() == Approx(leaky.q(100)).epsilon(1e-6));
  const Deep tanh(repeated(300, {{{"activation", "tanh"}}, linear(0.1)}));
  CHECK(tanh.recursion.kind == Kind::other);
  CHECK(tanh.recursion.limit.value() == Approx(tanh.q(300)).epsilon(1e-9));
}

TEST_CASE("a turn that begins with what has no weights begins behind the layer before it") {
  const json turn = {{{"norm", "layer_norm"}}, {{"dropout", 0.3}}, linear(0.1)};
  const json spec = repeated(10, turn);
  const Recursion x = predict::explain(test::network_of(spec), Theory::full, 1).recursion.value();
  const profile::Profile profile = test::predicted(spec);
  CHECK(x.start_correlation == Approx(0.2));
  CHECK(x.end_correlation == Approx(profile.points.back().forward.token_correlation.value));
}

TEST_CASE("an eigenvector that no gradient can have has no correlation") {
  const Deep deep(repeated(10, {linear(0.07), {{"dropout", 0.2}}}));
  const Recursion& x = deep.recursion;
  CHECK(x.modes[0].growth == Approx(256 * 0.07 * 0.07 / 0.8));
  CHECK(x.modes[0].correlation.value() == Approx(0).margin(1e-9));
  CHECK(x.modes[1].growth == Approx(256 * 0.07 * 0.07));
  CHECK_FALSE(x.modes[1].correlation);  // η alone
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
