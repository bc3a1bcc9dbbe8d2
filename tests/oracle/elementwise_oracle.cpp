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

/// One token of variance s beside one of variance s', of covariance c, with a gradient of products
/// 1.
struct UnlikeTokens {
  Replicates product, slopes;
};

template <class Activation>
UnlikeTokens simulate_unlike(std::uint64_t seed, double s, double other, double c, const Activation& phi) {
  Random random(seed);
  UnlikeTokens out;
  const double slope = c / std::sqrt(s), rest = std::sqrt(other - slope * slope);
  for (int replicate = 0; replicate < 400000; ++replicate) {
    const double z = random.normal(), x = std::sqrt(s) * z, y = slope * z + rest * random.normal();
    out.product.add(phi.value(x) * phi.value(y));
    out.slopes.add(phi.slope(x) * phi.slope(y));
  }
  return out;
}

TEST_CASE("gelu and relu of tokens of unlike variances against their simulation") {
  const double s = 0.3, other = 2.5, c = 0.5, size = std::sqrt(s * other), r = c / size;
  const auto gelu = simulate_unlike(215, s, other, c, SimulatedGelu{});
  expect("gelu product", formula::gelu_product(s, other, c), gelu.product);
  expect("gelu slopes", formula::gelu_derivative_product(s, other, c), gelu.slopes);
  reject("gelu product at the variances' geometric mean", formula::gelu_product(size, r), gelu.product);
  reject("gelu slopes at the variances' geometric mean", formula::gelu_derivative_product(size, r), gelu.slopes);
  const auto relu = simulate_unlike(216, s, other, c, SimulatedRelu{});
  expect("relu product", formula::relu_product(size, r), relu.product);
  expect("relu slopes", formula::relu_derivative_product(r), relu.slopes);
  reject("relu product at the variances' mean", formula::relu_product((s + other) / 2, r), relu.product);
  reject("relu's covariance as its product", formula::relu_covariance(size, r), relu.product);
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
