// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "oracle/expect.hpp"
#include "oracle/simulated_elementwise.hpp"
#include "sigprop/formula/activation_quadrature.hpp"
#include "sigprop/formula/dropout.hpp"
#include "sigprop/formula/gelu.hpp"
#include "sigprop/formula/relu.hpp"

namespace sigprop::test {
namespace {

using formula::Gradient;
using formula::Moments;

const Gradient<double> g{1.5, 0.6, 0};
const Normal gradient{.variance = 1.5, .correlation = 0.4};

TEST_CASE("dropout against its simulation") {
  const double p = 0.3;
  const auto measured = simulate_dropout(211, {.mean = 0.7, .variance = 2, .correlation = 0.4}, gradient, p);
  const auto y = formula::dropout_forward<double>({0.7, 2, 0.8, 0}, p);
  const auto back = formula::dropout_backward(g, p);
  expect("mean", y.mean, measured.mean);
  expect("second moment", y.second_moment(), measured.second_moment);
  expect("token product", y.token_dot(), measured.token_product);
  expect("gradient variance", back.variance, measured.gradient_variance);
  expect("gradient token product", back.covariance, measured.gradient_product);
  reject("1 - p instead of 1/(1 - p)", (2 + 0.49) * (1 - p), measured.second_moment);
  reject("dropout's second moment undivided", 2 + 0.49, measured.second_moment);
}

TEST_CASE("relu against its simulation") {
  for (const double r : {0.6, -0.02}) {
    const double s = 2, own = std::max(r, 0.0);
    const auto measured = simulate_activation(212, {.variance = s, .correlation = own}, gradient, SimulatedRelu{});
    const Moments<double> x{0, s, own * s, 0};
    const auto y = formula::relu_forward(x);
    const auto back = formula::relu_backward(g, x);
    expect("mean", y.mean, measured.mean);
    expect("second moment", y.second_moment(), measured.second_moment);
    expect("token product", y.token_dot(), measured.token_product);
    expect("gradient variance", back.variance, measured.gradient_variance);
    expect("gradient token product", back.covariance, measured.gradient_product);
    if (r < 0.1) continue;
    const double pi = scalar::pi<double>();
    const double wrong = s / (2 * pi) * (pi * r + std::sqrt(1 - r * r) - 1);
    reject("covariance without the arccos term", wrong + y.mean * y.mean, measured.token_product);
    reject("gradient pairs halved like the variance", g.covariance / 2, measured.gradient_product);
  }
}

TEST_CASE("gelu against its simulation") {
  const double s = 0.8, r = 0.6;
  const auto measured = simulate_activation(213, {.variance = s, .correlation = r}, gradient, SimulatedGelu{});
  const Moments<double> x{0, s, r * s, 0};
  const auto y = formula::gelu_forward(x);
  const auto back = formula::gelu_backward(g, x);
  expect("mean", y.mean, measured.mean);
  expect("second moment", y.second_moment(), measured.second_moment);
  expect("token product", y.token_dot(), measured.token_product);
  expect("gradient variance", back.variance, measured.gradient_variance);
  expect("gradient token product", back.covariance, measured.gradient_product);
  reject("relu's second moment", formula::relu_forward(x).second_moment(), measured.second_moment);
  reject("relu's gradient", formula::relu_backward(g, x).variance, measured.gradient_variance);
}

TEST_CASE("the quadrature of SiLU with a mean against its simulation") {
  const double mean = 0.5, s = 1.4, r = 0.3;
  const auto measured =
      simulate_activation(214, {.mean = mean, .variance = s, .correlation = r}, gradient, SimulatedSilu{});
  const auto one = formula::activation_single(formula::Silu{}, mean, s);
  const auto pair = formula::activation_pair(formula::Silu{}, mean, s, r);
  expect("mean", one.mean, measured.mean);
  expect("second moment", one.second_moment, measured.second_moment);
  expect("token product", pair.second_moment, measured.token_product);
  expect("gradient variance", g.variance * one.derivative_product, measured.gradient_variance);
  expect("gradient token product", g.covariance * pair.derivative_product, measured.gradient_product);
  const auto centred = formula::activation_pair(formula::Silu{}, 0.0, s, r);
  reject("the input's mean ignored", centred.second_moment, measured.token_product);
}

}  // namespace
}  // namespace sigprop::test
