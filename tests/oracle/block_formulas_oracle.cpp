// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "oracle/expect.hpp"
#include "oracle/simulated_blocks.hpp"
#include "predict/tables/router_table.hpp"
#include "sigprop/formula/activation_quadrature.hpp"
#include "sigprop/formula/attention.hpp"
#include "sigprop/formula/experts.hpp"
#include "sigprop/formula/gated.hpp"
#include "sigprop/formula/linear.hpp"
#include "sigprop/formula/routed_experts.hpp"

namespace sigprop::test {
namespace {

using formula::Gradient;
using formula::Moments;

TEST_CASE("gated against its simulation") {
  const Normal gate{.variance = 1.4, .correlation = 0.3}, value{.variance = 0.8, .correlation = 0.5};
  const Normal gradient{.variance = 1.5, .correlation = 0.4};
  const auto measured = simulate_gated(221, gate, value, gradient, SimulatedSilu{});
  const auto one = formula::activation_single(formula::Silu{}, 0.0, 1.4);
  const auto pair = formula::activation_pair(formula::Silu{}, 0.0, 1.4, 0.3);
  const double squared_mean = one.mean * one.mean;
  const Moments<double> open{one.mean, one.second_moment - squared_mean, pair.second_moment - squared_mean, 0};
  const Moments<double> b{0, 0.8, 0.4, 0};
  const Gradient<double> g{1.5, 0.6, 0};
  const auto y = formula::gated_forward(open, b);
  const auto at_open = formula::gated_backward(g, b), at_b = formula::gated_backward(g, open);
  expect("second moment", y.variance, measured.second_moment);
  expect("token product", y.covariance, measured.token_product);
  expect("gradient at the gate", at_open.variance, measured.gate_variance);
  expect("token product of the gradient at the gate", at_open.covariance, measured.gate_product);
  expect("gradient at the value", at_b.variance, measured.value_variance);
  expect("token product of the gradient at the value", at_b.covariance, measured.value_product);
  reject("the gate's squared mean for its second moment", squared_mean * b.variance, measured.second_moment);
  reject("the gate's variance for its second moment", open.variance * b.variance, measured.second_moment);
  reject("the gate's covariance for its token product", open.covariance * b.covariance, measured.token_product);
  reject("the ungated gradient", g.variance, measured.value_variance);
}

TEST_CASE("experts against their simulation") {
  const auto measured = simulate_experts(222, {.mean = 0.7, .variance = 2, .correlation = 0.4},
                                         {.variance = 1.5, .correlation = 0.4}, 4, 2);
  const auto y = formula::experts_forward<double>({0.7, 2, 0.8, 0}, 4, 2);
  const auto back = formula::experts_backward<double>({1.5, 0.6, 0}, 4, 2);
  expect("second moment", y.second_moment(), measured.second_moment);
  expect("token product", y.token_dot(), measured.token_product);
  expect("gradient variance", back.variance, measured.gradient_variance);
  expect("gradient token product", back.covariance, measured.gradient_product);
  const auto all = formula::experts_forward<double>({0.7, 2, 0.8, 0}, 4, 4);
  reject("every token takes all experts", all.second_moment(), measured.second_moment);
  reject("tokens that take the same experts", 0.8 / 2 + 0.49, measured.token_product);
  reject("the gradient's covariance divided like its variance", 0.6 / 2, measured.gradient_product);
}

TEST_CASE("experts behind a router against their simulation") {
  constexpr double width = 256, std = 0.08, count = 6, chosen = 2, rho = 0.6;
  const auto measured =
      simulate_routed(227, {.variance = 1, .correlation = rho}, {.mean = 0.7, .variance = 2, .correlation = 0.4},
                      {.variance = 1.5, .correlation = 0.4}, 6, 2, std, static_cast<Eigen::Index>(width));
  const double deviation = std * std::sqrt(width);
  const auto own = predict::router_means(std::array{deviation, 1.0, count, chosen}, network::Router::softmax);
  const auto paired = predict::router_means(std::array{deviation, rho, count, chosen}, network::Router::softmax);
  const Gradient<double> overlap{own.overlap, paired.overlap, 0}, jacobian{own.jacobian, paired.jacobian, 0};
  const Moments<double> one{0.7, 2, 0.8, 0}, tokens{0, 1, rho, 0};
  const Gradient<double> g{1.5, 0.6, 0};
  const auto features = static_cast<double>(elementwise_width), length = static_cast<double>(elementwise_length);
  const auto y = formula::routed_experts_forward(one, overlap);
  const auto back = formula::routed_experts_backward(g, overlap);
  const auto logits = formula::router_gradient(g, one, jacobian, features, count);
  const auto at_x = formula::linear_backward(logits, count, std * std);
  const double weight = formula::weight_gradient(tokens, logits, width, count, 1.0, length);
  // The tables' 0.5 %, and what the correlation of two tokens of 256 features does by differing
  // between networks, by (1 - ρ²)/16.
  constexpr double error = 0.01;
  expect("second moment", y.second_moment(), measured.second_moment, error);
  expect("token product", y.token_dot(), measured.token_product, error);
  expect("gradient variance", back.variance, measured.gradient_variance, error);
  expect("gradient token product", back.covariance, measured.gradient_product, error);
  expect("gradient at a logit", logits.variance, measured.logit_variance, error);
  expect("token product of the gradient at a logit", logits.covariance, measured.logit_product, error);
  expect("gradient through the router", at_x.variance, measured.router_variance, error);
  expect("token product of the gradient through the router", at_x.covariance, measured.router_product, error);
  expect("gradient of the router's weights", weight, measured.router_weight, error);
  const auto uniform = formula::experts_forward(one, count, chosen);
  const auto uniform_back = formula::experts_backward(g, count, chosen);
  reject("a choice at random: second moment", uniform.second_moment(), measured.second_moment, error);
  reject("a choice at random: token product", uniform.token_dot(), measured.token_product, error);
  reject("a choice at random: gradient", uniform_back.variance, measured.gradient_variance, error);
  reject("a choice at random: gradient token product", uniform_back.covariance, measured.gradient_product, error);
  const Gradient<double> alike{own.jacobian, own.jacobian, 0};
  reject("logits of tokens that weigh alike", formula::router_gradient(g, one, alike, features, count).covariance,
         measured.logit_product, error);
  const Gradient<double> squares{own.overlap, paired.overlap, 0};
  reject("a softmax without its mean", formula::router_gradient(g, one, squares, features, count).variance,
         measured.logit_variance, error);
}

constexpr double length = 48, head_width = 32, scale = 0.25;

/// Weights of variance 1/width: queries and keys have the moments of their signals.
formula::AttentionShape<double> shape_of(const HeadSteps& steps) {
  formula::AttentionShape<double> shape{length,   96, 1, head_width, 1.0 / 96,
                                        1.0 / 96, 0,  0, 0,          head_width * scale * scale};
  shape.normalized = steps.normalized;
  if (steps.rotary_base > 0)
    shape.rotated = formula::rotary_means(length, head_width, static_cast<double>(steps.rotated), steps.rotary_base);
  return shape;
}

const Moments<double> rows{0, 1.5, 0.9, 0}, keys{0, 0.8, 0.4, 0};

ScoresMoments simulated_scores(std::uint64_t seed, const HeadSteps& steps) {
  return simulate_scores(seed, 300, {.variance = 1.5, .correlation = 0.6}, {.variance = 0.8, .correlation = 0.5},
                         static_cast<Eigen::Index>(length), static_cast<Eigen::Index>(head_width), scale, steps);
}

double covariance_of(const formula::ScoreMoments<double>& scores) {
  return scores.variance * scores.correlation;
}

TEST_CASE("scores of rows over keys of another signal, against their simulation") {
  const auto measured = simulated_scores(223, {});
  const auto scores = formula::attention_scores(rows, keys, shape_of({}));
  expect("variance", scores.variance, measured.variance);
  expect("covariance", covariance_of(scores), measured.covariance);
  const auto self = formula::attention_scores(keys, shape_of({}));
  reject("the keys' signal for the rows'", self.variance, measured.variance);
  reject("the keys' correlation for the rows'", scores.variance * self.correlation, measured.covariance);
}

TEST_CASE("scores of rotated queries and keys against their simulation") {
  for (const Eigen::Index rotated : {32, 16}) {
    const HeadSteps steps{.rotary_base = 100, .rotated = rotated};
    const auto measured = simulated_scores(224, steps);
    const auto shape = shape_of(steps);
    const auto scores = formula::attention_scores(rows, keys, shape);
    INFO("rotated " << rotated);
    expect("variance", scores.variance, measured.variance);
    expect("covariance", covariance_of(scores), measured.covariance);
    const auto plain = formula::attention_scores(rows, keys, shape_of({}));
    reject("queries and keys that do not turn", plain.variance, measured.variance);
    reject("rows that turn alike", scores.variance * plain.correlation, measured.covariance);
  }
}

/// The cosine of two normal vectors of k features and correlation r is r within 1/(2k), |q|² = k
/// exactly.
constexpr double cosine_error = 1 / head_width;

TEST_CASE("scores of normalized queries and keys against their simulation") {
  const HeadSteps steps{.normalized = true};
  const auto measured = simulated_scores(225, steps);
  const auto scores = formula::attention_scores(rows, keys, shape_of(steps));
  expect("variance", scores.variance, measured.variance, cosine_error);
  expect("covariance", covariance_of(scores), measured.covariance, cosine_error);
  const auto plain = formula::attention_scores(rows, keys, shape_of({}));
  reject("queries and keys without a norm", plain.variance, measured.variance, cosine_error);
}

TEST_CASE("the softmax of normalized queries and keys against its simulation") {
  constexpr double gentle = 0.125, v = head_width * gentle * gentle;
  const auto measured =
      simulate_scores(226, 300, {.variance = 2, .correlation = 0.5}, {}, static_cast<Eigen::Index>(length),
                      static_cast<Eigen::Index>(head_width), gentle, {.normalized = true});
  // Their Status: asymptotic in k. To first order a score's fourth cumulant is -6 v²/k, which
  // e^{2s} weighs with 2⁴/4!.
  constexpr double error = 4 * v * v / head_width;
  const auto pair_of = [](double variance, double rho) {
    return formula::softmax_pair_normalized(variance, rho, length, length, head_width).overlap;
  };
  expect("S2", formula::softmax_row_normalized(v, length, head_width).squares, measured.squares, error);
  expect("P", pair_of(v, 0.5), measured.overlap, error);
  reject("scores of the queries' own variance", formula::softmax_row_normalized(2 * v, length, head_width).squares,
         measured.squares, error);
  reject("rows that do not correlate", pair_of(v, 0.0), measured.overlap, error);
}

}  // namespace
}  // namespace sigprop::test
