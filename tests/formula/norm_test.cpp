// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/norm.hpp"

#include <catch2/catch.hpp>

#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"

namespace sigprop::test {
namespace {

using formula::Gradient;
using formula::layer_norm_backward_paper;
using formula::layer_norm_forward;
using formula::layer_norm_forward_paper;
using formula::Moments;
using formula::norm_backward;
using formula::NormShares;
using formula::rms_norm_forward;

Moments<double> random_signal(Random& random) {
  const double s = random.log_uniform(1e-3, 1e3);
  return {random.normal(), s, s * random.uniform(), s * random.uniform()};
}

/// Theory of the gradient's 1/D factors, written again with fifty digits.
std::array<Digits50, 3> theory_backward(const Gradient<Digits50>& g, Digits50 scale, Digits50 r, Digits50 D,
                                        const NormShares<Digits50>& share) {
  const Digits50 w = share.visible, left = 1 - w;
  const Digits50 s = w * (1 - share.normalized) - (1 - share.centred) - (1 - left * left) * (1 - share.radial);
  const Digits50 factor = (1 + s / D) * (1 + w * w * share.sizes);
  const Digits50 pair = 1 - Digits50(3) / 2 * w * w * (1 - r * r) / D;
  return {g.variance / scale * factor, g.covariance / scale * factor * pair, g.cross_covariance / scale * factor};
}

TEST_CASE("LayerNorm leaves mean 0, variance 1 and the correlations") {
  CHECK(values(layer_norm_forward<double>({3, 4, 1, 0.5}, 0)) == std::array{0.0, 1.0, 0.25, 0.125});
}

TEST_CASE("RMSNorm leaves a second moment of 1") {
  const auto y = rms_norm_forward<double>({1, 3, 1, 0}, 0);
  CHECK(values(y) == std::array{0.5, 0.75, 0.25, 0.0});
  CHECK(y.second_moment() == 1);
  CHECK(rms_norm_forward<double>({2, 0, 0, 0}, 0).mean == 1);
}

TEST_CASE("an epsilon stands beside the variance, or the mean square, under the root") {
  CHECK(values(layer_norm_forward<double>({3, 4, 1, 0.5}, 4)) == std::array{0.0, 0.5, 0.125, 0.0625});
  CHECK(values(rms_norm_forward<double>({1, 3, 1, 0}, 12)) == std::array{0.25, 0.1875, 0.0625, 0.0});
  CHECK(values(layer_norm_forward<double>({3, 0, 0, 0}, 1e-5)) == std::array{0.0, 0.0, 0.0, 0.0});
  CHECK(values(rms_norm_forward<double>({0, 0, 0, 0}, 1e-5)) == std::array{0.0, 0.0, 0.0, 0.0});
}

TEST_CASE("the norms name the argument outside their domain") {
  const Moments<double> flat{1, 0, 0, 0}, nothing{0, 0, 0, 0}, x{0, 1, 0, 0};
  const Gradient<double> g{1, 0, 0};
  const NormShares<double> fresh{0, 0, 0, 1, 0};
  CHECK(domain_message([&] { return layer_norm_forward(flat, 0.0); }) ==
        "LayerNorm input variance is 0, but must be above 0");
  CHECK(domain_message([&] { return layer_norm_forward_paper(flat, 8.0); }) ==
        "LayerNorm input variance is 0, but must be above 0");
  CHECK(domain_message([&] { return layer_norm_forward_paper(x, 1.0); }) == "width is 1, but must be at least 2");
  CHECK(domain_message([&] { return layer_norm_backward_paper(g, flat); }) ==
        "LayerNorm input variance is 0, but must be above 0");
  CHECK(domain_message([&] { return rms_norm_forward(nothing, 0.0); }) ==
        "RMSNorm input second moment is 0, but must be above 0");
  CHECK(domain_message([&] { return norm_backward(g, -1.0, 0.0, 8.0, fresh); }) ==
        "norm input variance is -1, but must be above 0");
  CHECK(domain_message([&] { return norm_backward(g, 1.0, 0.0, 1.0, fresh); }) == "width is 1, but must be at least 2");
}

TEST_CASE("LayerNorm as published equals the published formula on generated inputs") {
  Random random(51);
  for (int i = 0; i < 50; ++i) {
    const Moments<double> x = random_signal(random);
    const Gradient<double> g{random.uniform(0.5, 2), random.uniform(), random.uniform()};
    const double width = random.log_uniform(2, 4096);
    const Digits50 s = x.variance, factor = 1 - 1 / Digits50(width);
    check_close(values(layer_norm_forward_paper(x, width)),
                std::array{Digits50(0), Digits50(1), x.covariance / s * factor, x.cross_covariance / s * factor},
                1e-12);
    check_close(values(layer_norm_backward_paper(g, x)),
                std::array{g.variance / s, g.covariance / s, g.cross_covariance / s}, 1e-12);
  }
}

TEST_CASE("RMSNorm and the gradient of both norms equal the theory on generated inputs") {
  Random random(52);
  for (int i = 0; i < 50; ++i) {
    const Moments<double> x = random_signal(random);
    const Digits50 mean = x.mean, q = Digits50(x.variance) + mean * mean;
    check_close(values(rms_norm_forward(x, 0.0)),
                std::array{Digits50(mean / sqrt(q)), x.variance / q, x.covariance / q, x.cross_covariance / q}, 1e-12);
    const Gradient<double> g{random.uniform(0.5, 2), random.uniform(), random.uniform()};
    const double scale = random.log_uniform(0.1, 10), r = random.uniform(), width = random.log_uniform(16, 4096);
    const double a = random.uniform(), c = random.uniform(), rho = random.uniform(), w = random.uniform(),
                 tau = 0.1 * random.uniform();
    check_close(values(norm_backward(g, scale, r, width, {a, c, rho, w, tau})),
                theory_backward(convert<Digits50>(g), scale, r, width, {a, c, rho, w, tau}), 1e-12);
  }
}

TEST_CASE("the norms read alike with every scalar type") {
  const auto layer_by_variance = []<class T>(const T& s) {
    return values(layer_norm_forward_paper(Moments<T>{T(0), s, T(0.7), T(0.1)}, T(64)));
  };
  const auto paper_back_by_variance = []<class T>(const T& s) {
    return values(layer_norm_backward_paper(Gradient<T>{T(2), T(0.7), T(0.1)}, Moments<T>{T(0), s, T(0.7), T(0.1)}));
  };
  const auto rms_by_mean = []<class T>(const T& mean) {
    return values(rms_norm_forward(Moments<T>{mean, T(2), T(0.7), T(0.1)}, T(0.5)));
  };
  const auto back_by_correlation = []<class T>(const T& r) {
    const NormShares<T> shares{T(0.5), T(0.2), T(0.1), T(0.8), T(0.03)};
    return values(norm_backward(Gradient<T>{T(2), T(0.7), T(0.1)}, T(1.5), r, T(64), shares));
  };
  check_every_scalar(layer_by_variance, 1.3);
  check_every_scalar(paper_back_by_variance, 1.3);
  check_every_scalar(rms_by_mean, 0.4);
  check_every_scalar(back_by_correlation, 0.3);
}

TEST_CASE("the norms do not see the scale of their input") {
  const auto small = layer_norm_forward<double>({0.1, 0.5, 0.2, 0.1}, 0);
  const auto large = layer_norm_forward<double>({0.4, 8, 3.2, 1.6}, 0);
  check_close(values(large), values(small), 1e-15);
  check_close(values(rms_norm_forward<double>({0.4, 8, 3.2, 1.6}, 0)),
              values(rms_norm_forward<double>({0.1, 0.5, 0.2, 0.1}, 0)), 1e-15);
}

TEST_CASE("the norm's gradient carries 1 + 1/D for a fresh signal and 1 for a settled one") {
  const Gradient<double> g{1, 1, 1};
  CHECK(norm_backward(g, 1.0, 1.0, 64.0, {0, 0, 0, 1, 2.0 / 64}).variance == (1 - 1.0 / 64) * (1 + 2.0 / 64));
  CHECK(norm_backward(g, 1.0, 1.0, 64.0, {1, 1, 1, 1, 0}).variance == 1);
  CHECK(norm_backward(g, 1.0, 1.0, 64.0, {1, 0, 0, 1, 0}).variance == 1 - 2.0 / 64);
  CHECK(norm_backward(g, 1.0, 0.0, 64.0, {1, 1, 1, 1, 0}).covariance == 1 - 1.5 / 64);
}

}  // namespace
}  // namespace sigprop::test
