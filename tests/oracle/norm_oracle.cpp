// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "oracle/expect.hpp"
#include "oracle/simulated_norm.hpp"
#include "sigprop/formula/norm.hpp"

namespace sigprop::test {
namespace {

using formula::Gradient;
using formula::Moments;

constexpr Eigen::Index length = 16, width = 64;
constexpr double D = 64;
constexpr double first_order = 1 / D;         ///< model error of a forward covariance
constexpr double second_order = 4 / (D * D);  ///< model error of a factor that is right to first order in 1/D
const Gradient<double> g{1.5, 0.6, 0};
const Normal gradient{.variance = 1.5, .correlation = 0.4};

struct Measured {
  Replicates second_moment, token_product, gradient_variance, gradient_product;
};

Measured simulate(std::uint64_t seed, const Normal& signal, bool centred) {
  Random random(seed);
  Measured measured;
  for (int replicate = 0; replicate < 6000; ++replicate) {
    const auto x = normal_sequence<double>(random, length, width, signal);
    const auto pass = simulate_norm(x, normal_sequence<double>(random, length, width, gradient), centred);
    measured.second_moment.add(second_moment(pass.output));
    measured.token_product.add(token_product(pass.output));
    measured.gradient_variance.add(second_moment(pass.gradient));
    measured.gradient_product.add(token_product(pass.gradient));
  }
  return measured;
}

/// Both norms, a fresh signal and gradient: s = -1, τ = 2/D.
void check_backward(const Measured& measured, double scale, double r) {
  const auto back = formula::norm_backward<double>(g, scale, r, D, {0, 0, 0, 1, 2 / D});
  expect("gradient variance", back.variance, measured.gradient_variance, second_order);
  expect("gradient token product", back.covariance, measured.gradient_product, second_order);
  reject("no division by the variance", g.variance, measured.gradient_variance, second_order);
  reject("the factor 1 + 1/D left out", g.variance / scale, measured.gradient_variance, second_order);
  reject("the projection alone, 1 - 2/D", g.variance / scale * (1 - 2 / D), measured.gradient_variance, second_order);
  if (r > 0) return;  // where the tokens correlate their norms do too, and the two factors are closer
  reject("a pair's factor like one token's", back.variance / g.variance * g.covariance, measured.gradient_product,
         second_order);
}

TEST_CASE("LayerNorm against its simulation to first order in 1/D") {
  for (const double r : {0.0, 0.5}) {
    INFO("r " << r);
    const Moments<double> x{0, 4, 4 * r, 0};
    const auto measured = simulate(221, {.variance = 4, .correlation = r}, true);
    const auto y = formula::layer_norm_forward(x, 0.0);
    CHECK(measured.second_moment.mean() == Approx(1).epsilon(1e-12));
    expect("token product", y.token_dot(), measured.token_product, first_order);
    check_backward(measured, 4, r);
    if (r > 0) reject("covariance not normalized", x.covariance, measured.token_product, first_order);
  }
}

TEST_CASE("RMSNorm against its simulation to first order in 1/D") {
  for (const double r : {0.0, 0.5}) {
    INFO("r " << r);
    const auto measured = simulate(222, {.variance = 4, .correlation = r}, false);
    const auto y = formula::rms_norm_forward<double>({0, 4, 4 * r, 0}, 0);
    CHECK(measured.second_moment.mean() == Approx(1).epsilon(1e-12));
    expect("token product", y.token_dot(), measured.token_product, first_order);
    check_backward(measured, 4, r);
  }
}

TEST_CASE("RMSNorm of a signal with a mean keeps the mean's part of the token product") {
  const auto measured = simulate(223, {.mean = 1, .variance = 4, .correlation = 0.25}, false);
  const auto y = formula::rms_norm_forward<double>({1, 4, 1, 0}, 0);
  expect("token product", y.token_dot(), measured.token_product, 2 * first_order);
  reject("covariance for the product", y.covariance, measured.token_product, 2 * first_order);
}

}  // namespace
}  // namespace sigprop::test
