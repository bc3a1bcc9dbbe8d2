// SPDX-License-Identifier: Apache-2.0
// Lists side by side and experts in a walk, by hand from their formulas.
#include <catch2/catch.hpp>

#include "predict/tables/router_table.hpp"
#include "predict/walk/walk_in.hpp"
#include "sigprop/formula/relu.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using formula::Gradient;
using formula::Moments;
using nlohmann::json;

constexpr double length = 10, batch = 3;

json linear(int in, int out, double std) {
  return {{"linear", {{"in", in}, {"out", out}, {"weight_std", std}}}};
}

json side_by_side(json::array_t lists) {
  return {{"parallel", {{"of", std::move(lists)}}}};
}

json experts_of(int count, int chosen, const json& list) {
  return {{"experts", {{"count", count}, {"top_k", chosen}, {"of", list}}}};
}

json spec_of(const json::array_t& components) {
  return {{"sequence_length", length},
          {"batch", batch},
          {"width", 16},
          {"input", {{"variance", 2}, {"token_correlation", 0.3}}},
          {"gradient", {{"variance", 1.5}, {"token_correlation", 0.2}}},
          {"components", components}};
}

const Moments<double> input{0, 2, 0.6, 0};
const Gradient<double> at_output{1.5, 0.3, 0};

void check(const profile::Profile& profile, const Moments<double>& output, const Gradient<double>& at_input) {
  const profile::Forward& last = profile.points.back().forward;
  CHECK(last.second_moment.value == Approx(output.second_moment()).epsilon(1e-12));
  CHECK(last.token_dot.value == Approx(output.token_dot()).epsilon(1e-12));
  const profile::Backward& first = profile.points.front().backward;
  CHECK(first.variance.value == Approx(at_input.variance).epsilon(1e-12));
  CHECK(first.token_dot.value == Approx(at_input.covariance).epsilon(1e-12));
}

double weight_norm(const Moments<double>& x, const Gradient<double>& g, double in, double out) {
  return std::sqrt(formula::weight_gradient(x, g, in, out, batch, length));
}

TEST_CASE("lists side by side add up, forward and backward") {
  const json spec = spec_of(json::array_t{
      side_by_side({json::array({linear(16, 8, 0.25)}), json::array({linear(16, 8, 0.5), {{"dropout", 0.5}}})})});
  const auto profile = test::predicted(spec);
  // 16 · 0.25² = 1 and 16 · 0.5² = 4 forward, 8 · 0.25² = 0.5 and 8 · 0.5² = 2 backward; dropout doubles a second moment.
  check(profile, {0, 2 + 2 * 8, 0.6 + 2.4, 0}, {0.5 * 1.5 + 2 * 3, 0.5 * 0.3 + 2 * 0.3, 0});
  REQUIRE(profile.layers.size() == 1);
  REQUIRE(profile.layers[0].weights.size() == 2);
  CHECK(profile.layers[0].weights[0].gradient_norm->value == Approx(weight_norm(input, at_output, 16, 8)));
  CHECK(profile.layers[0].weights[1].gradient_norm->value == Approx(weight_norm(input, {3, 0.3, 0}, 16, 8)));
}

TEST_CASE("experts are the mean of independent lists, and their weights' norms those of all experts") {
  const json one = json::array({linear(16, 32, 0.25), {{"activation", "relu"}}, linear(32, 16, 0.5)});
  const json spec = spec_of(json::array_t{experts_of(4, 2, one)});
  const auto profile = test::predicted(spec);
  const auto hidden = formula::relu_forward(input);  // 16 · 0.25² = 1
  const Moments<double> output{0, 8 * hidden.second_moment(), 8 * hidden.token_dot(), 0};
  const Gradient<double> chosen{1.5 / 2, 0.3 / 4, 0};
  const auto at_hidden = formula::relu_backward<double>({4 * chosen.variance, 4 * chosen.covariance, 0}, input);
  check(profile, {0, output.variance / 2, output.covariance / 4, 0},
        {2 * at_hidden.variance, 2 * at_hidden.covariance, 0});
  REQUIRE(profile.layers[0].weights.size() == 2);
  CHECK(profile.layers[0].weights[0].gradient_norm->value == Approx(weight_norm(input, at_hidden, 16, 32)));
  CHECK(profile.layers[0].weights[1].gradient_norm->value == Approx(weight_norm(hidden, chosen, 32, 16)));
}

TEST_CASE("experts behind a router share the tokens as it says, and its gradient adds to theirs") {
  const json one = json::array({linear(16, 32, 0.25), {{"activation", "relu"}}, linear(32, 16, 0.5)});
  json experts = experts_of(4, 2, one);
  experts["experts"]["router_std"] = 0.2;
  const auto profile = test::predicted(spec_of(json::array_t{experts}));
  const auto hidden = formula::relu_forward(input);  // 16 · 0.25² = 1
  const Moments<double> output{0, 8 * hidden.second_moment(), 8 * hidden.token_dot(), 0};
  const double deviation = 0.2 * std::sqrt(16 * 2.0);
  const auto own = predict::router_means(std::array{deviation, 1.0, 4.0, 2.0}, network::Router::softmax);
  const auto paired = predict::router_means(std::array{deviation, 0.3, 4.0, 2.0}, network::Router::softmax);
  const Gradient<double> chosen{1.5 * own.overlap, 0.3 * paired.overlap, 0};
  const auto at_hidden = formula::relu_backward<double>({4 * chosen.variance, 4 * chosen.covariance, 0}, input);
  const Gradient<double> at_logits{4 * 1.5 * output.variance * own.jacobian,
                                   4 * 0.3 * output.covariance * paired.jacobian, 0};
  check(profile, {0, output.variance * own.overlap, output.covariance * paired.overlap, 0},
        {2 * at_hidden.variance + 4 * 0.04 * at_logits.variance,
         2 * at_hidden.covariance + 4 * 0.04 * at_logits.covariance, 0});
  REQUIRE(profile.layers[0].weights.size() == 3);
  CHECK(profile.layers[0].weights[0].name == "router");
  CHECK(profile.layers[0].weights[0].gradient_norm->value == Approx(weight_norm(input, at_logits, 16, 4)));
  CHECK(profile.layers[0].weights[1].gradient_norm->value == Approx(weight_norm(input, at_hidden, 16, 32)));
  CHECK(profile.layers[0].weights[2].gradient_norm->value == Approx(weight_norm(hidden, chosen, 32, 16)));
}

TEST_CASE("an expert that every token takes is the list itself") {
  const json inner = json::array({linear(16, 32, 0.3), {{"activation", "gelu"}}, linear(32, 16, 0.2)});
  const auto alone = test::predicted(spec_of(inner));
  const auto expert = test::predicted(spec_of(json::array_t{experts_of(1, 1, inner)}));
  CHECK(expert.points.back().forward.token_dot.value == alone.points.back().forward.token_dot.value);
  CHECK(expert.points.front().backward.variance.value == alone.points.front().backward.variance.value);
}

/// Without attention a mask tells no tokens apart: both algebras have the same moments.
void check_token_by_token(const json& spec) {
  INFO(test::text_of(spec));
  const network::Network network = test::network_of(spec);
  const network::Outline outline = network::outline_of(network);
  const profile::Profile exchangeable = test::predicted(spec);
  const profile::Profile by_token = predict::walk_by_token(
      network::lifted<double>(network), outline, predict::Prefix::means, {}, std::make_shared<predict::RowTables>());
  for (std::size_t i = 0; i < outline.points.size(); ++i) {
    const profile::Point &a = by_token.points[i], &b = exchangeable.points[i];
    CHECK(a.forward.second_moment.value == Approx(b.forward.second_moment.value).epsilon(1e-8));
    CHECK(a.forward.token_dot.value == Approx(b.forward.token_dot.value).epsilon(1e-8));
    CHECK(a.forward.cross_dot->value == Approx(b.forward.cross_dot->value).epsilon(1e-8).margin(1e-12));
    CHECK(a.backward.variance.value == Approx(b.backward.variance.value).epsilon(1e-8));
    CHECK(a.backward.token_dot.value == Approx(b.backward.token_dot.value).epsilon(1e-8));
  }
  for (std::size_t w = 0; w < exchangeable.layers[0].weights.size(); ++w) {
    CHECK(by_token.layers[0].weights[w].gradient_norm->value ==
          Approx(exchangeable.layers[0].weights[w].gradient_norm->value).epsilon(1e-8));
  }
}

TEST_CASE("token by token, gates, lists side by side and experts have the moments of exchangeable tokens") {
  const auto residual = [](const json& of) {
    return spec_of(json::array_t{{{"residual", {{"branch", 0.7}, {"of", of}}}}});
  };
  const json gated = {
      {"gated_linear", {{"in", 16}, {"out", 24}, {"gate_std", 0.3}, {"weight_std", 0.2}, {"activation", "silu"}}}};
  const json gelu =
      json::array({{{"norm", "layer_norm"}}, linear(16, 24, 0.3), {{"activation", "gelu"}}, linear(24, 16, 0.2)});
  const json relu = json::array({linear(16, 16, 0.3), {{"activation", "relu"}}});
  const json dropped = json::array({linear(16, 16, 0.1), {{"dropout", 0.2}}});
  check_token_by_token(residual(json::array({{{"norm", "rms_norm"}}, gated, linear(24, 16, 0.3)})));
  check_token_by_token(residual(json::array({side_by_side({gelu, relu, dropped})})));
  check_token_by_token(residual(json::array({experts_of(4, 2, gelu)})));
  check_token_by_token(spec_of({experts_of(3, 2, relu), linear(16, 8, 0.2)}));  // means that are not 0
  json routed = experts_of(3, 2, relu);
  routed["experts"]["router_std"] = 0.3;
  check_token_by_token(spec_of({routed, linear(16, 8, 0.2)}));
}

}  // namespace
