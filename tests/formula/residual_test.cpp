// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/residual.hpp"

#include <catch2/catch.hpp>

#include "support/every_scalar.hpp"
#include "support/random.hpp"

namespace sigprop::test {
namespace {

using formula::Gradient;
using formula::Moments;
using formula::residual_backward;
using formula::residual_forward;
using formula::scaled;

TEST_CASE("a residual sum with branch scale 0 is the skip, with skip scale 0 the branch") {
  const Moments<double> x{0.5, 2, 1, 0.25}, f{0.1, 3, 0.5, 0.2};
  CHECK(values(residual_forward(x, f, 1.0, 0.0)) == values(x));
  CHECK(values(residual_forward(x, f, 0.0, 1.0)) == values(f));
  CHECK(values(residual_backward<double>({4, 2, 1}, {0, 0, 0}, -1)) == std::array{4.0, 2.0, 1.0});
  CHECK(values(residual_backward<double>({4, 2, 1}, {3, 2, 1}, 0)) == std::array{3.0, 2.0, 1.0});
}

TEST_CASE("a plain residual sum adds variances and covariances") {
  const auto y = residual_forward<double>({0, 2, 1, 0.25}, {0, 3, 0.5, 0.5}, 1, 1);
  CHECK(values(y) == std::array{0.0, 5.0, 1.5, 0.75});
}

TEST_CASE("the gradient at the branch's output is scaled by the square of the branch scale") {
  CHECK(values(scaled<double>({4, 2, 1}, 0.5)) == std::array{1.0, 0.5, 0.25});
  CHECK(values(scaled<double>({4, 2, 1}, 0)) == std::array{0.0, 0.0, 0.0});
}

TEST_CASE("residual equals the published formula on generated inputs") {
  Random random(61);
  for (int i = 0; i < 50; ++i) {
    const double s = random.log_uniform(1e-3, 1e3);
    const Moments<double> x{random.normal(), s, s * random.uniform(), s * random.uniform()};
    const Moments<double> f{random.normal(), 1, random.uniform(), random.uniform()};
    const Gradient<double> g{1, random.uniform(), random.uniform()}, h{s, random.uniform(), random.uniform()};
    const double lambda = random.normal(), beta = random.normal();
    const Digits50 l = lambda, b = beta, mean = l * x.mean + b * f.mean;
    const auto y = residual_forward(x, f, lambda, beta);
    check_close(std::array{y.variance, y.covariance, y.cross_covariance},
                std::array{l * l * x.variance + b * b * f.variance, l * l * x.covariance + b * b * f.covariance,
                           l * l * x.cross_covariance + b * b * f.cross_covariance},
                1e-12);
    CHECK(std::abs(static_cast<double>(y.mean - mean)) <=
          1e-15 * (std::abs(lambda * x.mean) + std::abs(beta * f.mean)));
    check_close(values(residual_backward(g, scaled(h, beta), lambda)),
                std::array{l * l * g.variance + b * b * h.variance, l * l * g.covariance + b * b * h.covariance,
                           l * l * g.cross_covariance + b * b * h.cross_covariance},
                1e-12);
  }
}

TEST_CASE("residual reads alike with every scalar type") {
  const auto forward_by_branch_scale = []<class T>(const T& beta) {
    return values(residual_forward(Moments<T>{T(0.3), T(2), T(0.7), T(0.1)}, Moments<T>{T(0.2), T(1), T(0.5), T(0)},
                                   T(0.9), beta));
  };
  const auto backward_by_skip_scale = []<class T>(const T& lambda) {
    const Gradient<T> branch = scaled(Gradient<T>{T(1), T(0.5), T(0.1)}, T(0.3));
    return values(residual_backward(Gradient<T>{T(2), T(0.7), T(0.1)}, branch, lambda));
  };
  check_every_scalar(forward_by_branch_scale, 0.4);
  check_every_scalar(backward_by_skip_scale, 0.9);
}

TEST_CASE("a residual sum with λ² + β² = 1 keeps a variance of 1 and mixes the correlations") {
  const double beta = 0.6, lambda = 0.8;
  const auto y = residual_forward<double>({0, 1, 0.2, 0}, {0, 1, 0.7, 0}, lambda, beta);
  CHECK(y.variance == Approx(1).epsilon(1e-15));
  CHECK(y.covariance == Approx(0.64 * 0.2 + 0.36 * 0.7).epsilon(1e-15));
}

}  // namespace
}  // namespace sigprop::test
