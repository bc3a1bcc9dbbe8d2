// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "oracle/expect.hpp"
#include "oracle/simulated_linear.hpp"
#include "sigprop/formula/linear.hpp"
#include "sigprop/formula/residual.hpp"

namespace sigprop::test {
namespace {

using formula::Gradient;
using formula::Moments;

constexpr double fan_in = 48, fan_out = 32, weight_variance = 0.03, bias_variance = 0.5;
constexpr Eigen::Index batch = 3, length = 8, in = 48, out = 32;
const Normal signal{.mean = 0.5, .variance = 2, .correlation = 0.4, .cross_correlation = 0.1};
const Normal gradient{.variance = 1.5, .correlation = 0.3, .cross_correlation = 0.1};
const Moments<double> x{0.5, 2, 0.8, 0.2};
const Gradient<double> g{1.5, 0.45, 0.15};

TEST_CASE("a linear layer against its simulation, weight gradient over the batch included") {
  Random random(201);
  Replicates q, c, cross, g2, eta, eta_cross, norm;
  for (int replicate = 0; replicate < 1000; ++replicate) {
    const auto w = gaussian<double>(random, out, in, std::sqrt(weight_variance));
    const auto bias = gaussian<double>(random, 1, out, std::sqrt(bias_variance));
    const auto pass = simulate_linear(normal_batch<double>(random, batch, length, in, signal), w, bias,
                                      normal_batch<double>(random, batch, length, out, gradient));
    const auto forward = batch_moments(pass.output), backward = batch_moments(pass.gradient);
    q.add(forward.second_moment);
    c.add(forward.token_product);
    cross.add(forward.cross_product);
    g2.add(backward.second_moment);
    eta.add(backward.token_product);
    eta_cross.add(backward.cross_product);
    norm.add(pass.weight_gradient.squaredNorm());
  }
  const auto y = formula::linear_forward(x, fan_in, weight_variance, bias_variance);
  expect("second moment", y.second_moment(), q);
  expect("token product", y.token_dot(), c);
  expect("product across sequences", y.cross_dot(), cross);
  const auto back = formula::linear_backward(g, fan_out, weight_variance);
  expect("gradient variance", back.variance, g2);
  expect("gradient token product", back.covariance, eta);
  expect("gradient product across sequences", back.cross_covariance, eta_cross);
  const double B = batch, L = length;
  expect("weight gradient", formula::weight_gradient(x, g, fan_in, fan_out, B, L), norm);
  const Gradient<double> one_sequence{1.5, 0.45, 0}, one_token{1.5, 0, 0};
  reject("no pairs of sequences", formula::weight_gradient(x, one_sequence, fan_in, fan_out, B, L), norm);
  reject("no pairs of tokens", formula::weight_gradient(x, one_token, fan_in, fan_out, B, L), norm);
  reject("mean left out",
         formula::linear_forward<double>({0, 2, 0.8, 0.2}, fan_in, weight_variance, bias_variance).variance, q);
}

TEST_CASE("a residual sum around two linear layers against its simulation") {
  Random random(202);
  const double skip = 0.8, branch = 0.6;
  Replicates q, c, g2, eta;
  for (int replicate = 0; replicate < 1000; ++replicate) {
    const auto w1 = gaussian<double>(random, out, in, std::sqrt(weight_variance));
    const auto w2 = gaussian<double>(random, in, out, std::sqrt(weight_variance));
    const auto input = normal_sequence<double>(random, length, in, signal);
    const auto at_output = normal_sequence<double>(random, length, in, gradient);
    const Matrix<double> y = skip * input + branch * (input * w1.transpose() * w2.transpose());
    const Matrix<double> back = skip * at_output + branch * (at_output * w2 * w1);
    q.add(second_moment(y));
    c.add(token_product(y));
    g2.add(second_moment(back));
    eta.add(token_product(back));
  }
  const auto f =
      formula::linear_forward(formula::linear_forward(x, fan_in, weight_variance, 0.0), fan_out, weight_variance, 0.0);
  const auto y = formula::residual_forward(x, f, skip, branch);
  expect("second moment", y.second_moment(), q);
  expect("token product", y.token_dot(), c);
  const auto through = formula::linear_backward(
      formula::linear_backward(formula::scaled(g, branch), fan_in, weight_variance), fan_out, weight_variance);
  const auto back = formula::residual_backward(g, through, skip);
  expect("gradient variance", back.variance, g2);
  expect("gradient token product", back.covariance, eta);
  const double sum = skip * std::sqrt(x.second_moment()) + branch * std::sqrt(f.second_moment());
  reject("standard deviations added", sum * sum, q);
}

}  // namespace
}  // namespace sigprop::test
