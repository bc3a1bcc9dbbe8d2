// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/dropout.hpp"

#include <catch2/catch.hpp>

#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"

namespace sigprop::test {
namespace {

using formula::dropout_backward;
using formula::dropout_forward;
using formula::Gradient;
using formula::Moments;

TEST_CASE("dropout at p = 0 is the identity") {
  const Moments<double> x{0.5, 2, 1, 0.25};
  const Gradient<double> g{3, 2, 1};
  CHECK(values(dropout_forward(x, 0.0)) == values(x));
  CHECK(values(dropout_backward(g, 0.0)) == values(g));
}

TEST_CASE("dropout at p = 1/2 doubles the second moment and leaves mean and covariances") {
  CHECK(values(dropout_forward<double>({1, 2, 0.5, 0.25}, 0.5)) == std::array{1.0, 5.0, 0.5, 0.25});
  CHECK(values(dropout_backward<double>({1, 0.5, 0.25}, 0.5)) == std::array{2.0, 0.5, 0.25});
}

TEST_CASE("dropout of a constant signal leaves the variance of the mask") {
  CHECK(dropout_forward<double>({2, 0, 0, 0}, 0.2).variance == Approx(1.0).epsilon(1e-15));
  CHECK(dropout_forward<double>({0, 0, 0, 0}, 0.9).variance == 0);
}

TEST_CASE("dropout names a drop probability outside its domain") {
  const Moments<double> x{0, 1, 0, 0};
  const Gradient<double> g{1, 0, 0};
  CHECK(domain_message([&] { return dropout_forward(x, 1.0); }) == "drop probability p is 1, but must be in [0, 1)");
  CHECK(domain_message([&] { return dropout_forward(x, -0.1); }) ==
        "drop probability p is -0.1, but must be in [0, 1)");
  CHECK(domain_message([&] { return dropout_backward(g, 1.5); }) == "drop probability p is 1.5, but must be in [0, 1)");
}

TEST_CASE("dropout equals the published formula on generated inputs") {
  Random random(21);
  for (int i = 0; i < 50; ++i) {
    const double p = random.uniform(0, 0.99);
    const Moments<double> x{random.normal(), random.log_uniform(1e-3, 1e3), random.uniform(), random.uniform()};
    const Gradient<double> g{random.uniform(0.5, 2), random.uniform(0, 0.5), random.uniform(0, 0.2)};
    const Digits50 mean = x.mean, keep = 1 - Digits50(p);
    const Digits50 variance = (Digits50(x.variance) + Digits50(p) * mean * mean) / keep;
    check_close(values(dropout_forward(x, p)),
                std::array{mean, variance, Digits50(x.covariance), Digits50(x.cross_covariance)}, 1e-12);
    check_close(values(dropout_backward(g, p)),
                std::array{Digits50(g.variance) / keep, Digits50(g.covariance), Digits50(g.cross_covariance)}, 1e-12);
  }
}

TEST_CASE("dropout reads alike with every scalar type") {
  const auto forward_by_p = []<class T>(const T& p) {
    return values(dropout_forward(Moments<T>{T(0.3), T(2), T(0.7), T(0.1)}, p));
  };
  const auto backward_by_p = []<class T>(const T& p) {
    return values(dropout_backward(Gradient<T>{T(2), T(0.7), T(0.1)}, p));
  };
  const auto by_mean = []<class T>(const T& mean) {
    return values(dropout_forward(Moments<T>{mean, T(2), T(0.7), T(0.1)}, T(0.2)));
  };
  check_every_scalar(forward_by_p, 0.1);
  check_every_scalar(backward_by_p, 0.1);
  check_every_scalar(by_mean, 0.4);
}

TEST_CASE("dropout never lowers the variance and keeps it above the covariance") {
  Random random(22);
  for (int i = 0; i < 50; ++i) {
    const Moments<double> x{random.normal(), 1, random.uniform(), random.uniform()};
    const auto y = dropout_forward(x, random.uniform());
    CHECK(y.variance >= x.variance);
    CHECK(y.variance >= y.covariance);
  }
}

TEST_CASE("two dropouts with p and p' act as one that keeps (1 - p)(1 - p')") {
  const Moments<double> x{0.7, 1.3, 0.4, 0.2};
  const auto twice = dropout_forward(dropout_forward(x, 0.1), 0.3);
  check_close(values(twice), values(dropout_forward(x, 1 - 0.9 * 0.7)), 1e-14);
}

}  // namespace
}  // namespace sigprop::test
