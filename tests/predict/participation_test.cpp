// SPDX-License-Identifier: Apache-2.0
// The cloud of centred tokens on its way through a network, by hand from its formulas.
#include <catch2/catch.hpp>

#include "predict/walk/alike_tokens.hpp"
#include "predict/walk/walk.hpp"
#include "sigprop/formula/relu.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using formula::Anisotropy;
using formula::centred_variance;
using formula::linear_anisotropy;
using formula::Moments;
using nlohmann::json;

json linear(int in, int out, double std) {
  return {{"linear", {{"in", in}, {"out", out}, {"weight_std", std}}}};
}

json residual(double skip, double branch, const json& of) {
  return {{"residual", {{"skip", skip}, {"branch", branch}, {"of", of}}}};
}

json side_by_side(json::array_t lists) {
  return {{"parallel", {{"of", std::move(lists)}}}};
}

/// 16 features, of which 0.7 of the variance differs between tokens.
json spec_of(const json::array_t& components) {
  return {{"sequence_length", 10},
          {"width", 16},
          {"input", {{"variance", 1}, {"token_correlation", 0.3}}},
          {"components", components}};
}

const Moments<double> input{0, 1, 0.3, 0};
const Anisotropy<double> at_input{1.0 / 16, 1};

void check_cloud(const json::array_t& components, const Anisotropy<double>& expected) {
  const auto network = network::lifted<double>(test::network_of(spec_of(components)));
  predict::AlikeAlgebra<double> algebra(network, predict::AlikeTokens<double>(network, predict::Theory::full));
  predict::Observer nobody;
  predict::Walk walk(algebra, nobody);
  const auto cloud = walk.pass(network.body, walk.input()).anisotropy;
  CHECK(cloud.participation == Approx(expected.participation).epsilon(1e-12));
  CHECK(cloud.linear == Approx(expected.linear).epsilon(1e-12));
}

/// relu's linear share of what differs between tokens.
double relu_share(const Moments<double>& x) {
  const double kept = formula::relu_backward<double>({1, 1, 1}, x).covariance;
  return kept * centred_variance(x) / centred_variance(formula::relu_forward(x));
}

TEST_CASE("the cloud of an input has no preferred direction, and norms leave it so") {
  check_cloud({{{"norm", "layer_norm"}}}, at_input);
  check_cloud({linear(16, 32, 0.25), {{"norm", "rms_norm"}}}, linear_anisotropy(at_input, 32.0));
}

TEST_CASE("a residual sum carries the cloud of its branch, which begins as a linear map of itself") {
  const auto branch = formula::featurewise_anisotropy(linear_anisotropy(at_input, 16.0), relu_share(input), 16.0);
  const double variance = 0.49 * centred_variance(formula::relu_forward(input));  // 16 · 0.25² = 1
  const auto once = formula::residual_anisotropy(at_input, 0.81 * 0.7, branch, variance, 16.0);
  const json component = residual(0.9, 0.7, json::array({linear(16, 16, 0.25), {{"activation", "relu"}}}));
  check_cloud({component}, once);
  const auto second = linear_anisotropy<double>({once.participation, 1}, 16);
  check_cloud({component, residual(0, 1, json::array({linear(16, 16, 0.25)}))},
              {second.participation, once.linear * second.linear});
}

TEST_CASE("lists side by side know that they read the same cloud") {
  const auto once = linear_anisotropy(at_input, 16.0), twice = linear_anisotropy(once, 16.0);
  const auto dropped = formula::featurewise_anisotropy<double>(twice, 0.7 / (2 - 0.3), 16);  // of 16 · 0.25² = 1
  const auto sum = formula::parallel_anisotropy(once, twice, 0.7, dropped, 2 - 0.3, 16.0);
  check_cloud({linear(16, 16, 0.25), side_by_side({json::array({linear(16, 16, 0.25)}),
                                                   json::array({linear(16, 16, 0.25), {{"dropout", 0.5}}})})},
              sum);
}

TEST_CASE("experts know that they read the same cloud, and that equal tokens take different ones") {
  const auto once = linear_anisotropy(at_input, 16.0), one = linear_anisotropy(once, 16.0);
  const auto experts = formula::experts_anisotropy(once, one, input, 16.0, 4.0, 2.0);
  check_cloud(
      {linear(16, 16, 0.25), {{"experts", {{"count", 4}, {"top_k", 2}, {"of", json::array({linear(16, 16, 0.25)})}}}}},
      experts);
}

}  // namespace
