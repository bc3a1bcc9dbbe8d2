// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/routed_experts.hpp"

#include <catch2/catch.hpp>

#include "sigprop/formula/experts.hpp"
#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"

namespace sigprop::test {
namespace {

using formula::Gradient;
using formula::Moments;
using formula::routed_experts_backward;
using formula::routed_experts_forward;
using formula::router_gradient;

TEST_CASE("a router that draws uniformly and weighs equally is that of experts") {
  const Moments<double> y{0.5, 2, 1, 0.25};
  const Gradient<double> g{3, 2, 1}, uniform{1.0 / 2, 1.0 / 8, 1.0 / 8};
  check_close(values(routed_experts_forward(y, uniform)), values(formula::experts_forward(y, 8.0, 2.0)), 1e-15);
  check_close(values(routed_experts_backward(g, uniform)), values(formula::experts_backward(g, 8.0, 2.0)), 1e-15);
}

TEST_CASE("tokens that weigh one expert alike keep their moments, and its logit gets no gradient") {
  const Moments<double> y{0.5, 2, 1, 0.25};
  const Gradient<double> g{3, 2, 1}, all{1, 1, 1}, none{0, 0, 0};
  CHECK(values(routed_experts_forward(y, all)) == values(y));
  CHECK(values(routed_experts_backward(g, all)) == values(g));
  CHECK(values(router_gradient(g, y, none, 16.0, 4.0)) == std::array{0.0, 0.0, 0.0});
}

TEST_CASE("the gradient at a logit is the product of gradient and output without what experts have in common") {
  const Moments<double> y{10, 2, 1, 0.5};
  const Gradient<double> g{3, 2, 1}, jacobian{0.25, 0.125, 0.0625};
  CHECK(values(router_gradient(g, y, jacobian, 16.0, 4.0)) == std::array{6.0, 1.0, 0.125});
}

TEST_CASE("routed experts name the argument outside its domain") {
  const Gradient<double> g{1, 0, 0};
  CHECK(domain_message([&] {
          return router_gradient(g, Moments<double>{0, 1, 0, 0}, g, 16.0, 0.5);
        }) == "experts is 0.5, but must be at least 1");
}

/// The sums over pairs of experts of two tokens' weights, for outputs of the products `same` within
/// an expert and `other` between two.
TEST_CASE("routed experts equal the sums over pairs of experts on generated weights") {
  Random random(312);
  for (int i = 0; i < 50; ++i) {
    constexpr int experts = 5;
    std::array<Digits50, experts> a, b;
    Digits50 sum_a = 0, sum_b = 0;
    for (int e = 0; e < experts; ++e) {
      a[e] = random.uniform();
      b[e] = random.uniform();
      sum_a += a[e];
      sum_b += b[e];
    }
    const double own = 2, both = random.uniform(), mean = random.normal();
    Digits50 overlap = 0, wanted = 0;
    for (int e = 0; e < experts; ++e) {
      for (int f = 0; f < experts; ++f) {
        const Digits50 weight = a[e] * b[f] / (sum_a * sum_b);
        if (e == f) overlap += weight;
        wanted += weight * (Digits50(mean) * mean + (e == f ? Digits50(both) : Digits50(0)));
      }
    }
    const auto p = static_cast<double>(overlap);
    const auto y = routed_experts_forward(Moments<double>{mean, own, both, both}, Gradient<double>{1, p, p});
    CHECK(y.token_dot() == Approx(static_cast<double>(wanted)).epsilon(1e-13));
    CHECK(y.cross_dot() == Approx(static_cast<double>(wanted)).epsilon(1e-13));
  }
}

TEST_CASE("routed experts read alike with every scalar type") {
  const auto forward_by_overlap = []<class T>(const T& overlap) {
    return values(
        routed_experts_forward(Moments<T>{T(0.3), T(2), T(0.7), T(0.1)}, Gradient<T>{overlap, T(0.3), T(0.2)}));
  };
  const auto logits_by_features = []<class T>(const T& features) {
    return values(router_gradient(Gradient<T>{T(2), T(0.7), T(0.1)}, Moments<T>{T(0.3), T(2), T(0.7), T(0.1)},
                                  Gradient<T>{T(0.2), T(0.1), T(0.05)}, features, T(8)));
  };
  check_every_scalar(forward_by_overlap, 0.5);
  check_every_scalar(logits_by_features, 24);
}

}  // namespace
}  // namespace sigprop::test
