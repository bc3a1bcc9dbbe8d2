// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/experts.hpp"

#include <catch2/catch.hpp>

#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"

namespace sigprop::test {
namespace {

using formula::experts_backward;
using formula::experts_forward;
using formula::Gradient;
using formula::Moments;

TEST_CASE("one expert that every token takes is the expert itself") {
  const Moments<double> y{0.5, 2, 1, 0.25};
  const Gradient<double> g{3, 2, 1};
  CHECK(values(experts_forward(y, 1.0, 1.0)) == values(y));
  CHECK(values(experts_backward(g, 1.0, 1.0)) == values(g));
}

TEST_CASE("two of eight experts halve the variance and leave an eighth of the covariances") {
  CHECK(values(experts_forward<double>({0.5, 2, 1, 0.5}, 8, 2)) == std::array{0.5, 1.0, 0.125, 0.0625});
  CHECK(values(experts_backward<double>({2, 1, 0.5}, 8, 2)) == std::array{1.0, 0.125, 0.0625});
}

TEST_CASE("tokens that take all experts keep their correlation") {
  const auto y = experts_forward<double>({0, 2, 0.6, 0.2}, 4, 4);
  CHECK(y.covariance / y.variance == Approx(0.3).epsilon(1e-15));
  CHECK(y.variance == 0.5);
}

TEST_CASE("tokens of one expert each correlate only where they meet in it") {
  const auto y = experts_forward<double>({0, 2, 2, 2}, 5, 1);
  CHECK(y.variance == 2);
  CHECK(y.covariance == Approx(2.0 / 5).epsilon(1e-15));
}

TEST_CASE("experts name the argument outside its domain") {
  const Moments<double> y{0, 1, 0, 0};
  const Gradient<double> g{1, 0, 0};
  CHECK(domain_message([&] { return experts_forward(y, 4.0, 0.0); }) ==
        "experts of a token is 0, but must be at least 1");
  CHECK(domain_message([&] { return experts_backward(g, 4.0, 0.5); }) ==
        "experts of a token is 0.5, but must be at least 1");
  CHECK(domain_message([&] { return experts_forward(y, 4.0, 6.0); }) ==
        "experts that a token does not take is -2, but must be at least 0");
  CHECK(domain_message([&] { return experts_backward(g, 1.0, 2.0); }) ==
        "experts that a token does not take is -1, but must be at least 0");
}

/// E[x_i x_j] of the mean of the experts that tokens take: sums over pairs of experts, each with
/// the chance that both tokens take it, of products `same` within an expert and `other` between
/// two.
Digits50 summed_over_pairs(double count, double chosen, bool one_token, const Digits50& same, const Digits50& other) {
  const Digits50 E = count, k = chosen;
  const Digits50 meets = one_token ? k / E : k * k / (E * E);
  const Digits50 apart = one_token ? k * (k - 1) / (E * (E - 1)) : k * k / (E * E);
  return (E * meets * same + (count > 1 ? E * (E - 1) * apart * other : Digits50(0))) / (k * k);
}

TEST_CASE("experts equal the sums over pairs of experts on generated inputs") {
  Random random(311);
  for (int i = 0; i < 50; ++i) {
    const double count = std::floor(random.log_uniform(1, 64)), chosen = std::floor(random.uniform(1, count + 0.99));
    const double s = random.log_uniform(1e-3, 1e3);
    const Moments<double> y{random.normal(), s, s * random.uniform(), s * random.uniform()};
    const Gradient<double> g{s, s * random.uniform(), s * random.uniform()};
    const Moments<Digits50> x = convert<Digits50>(y);
    const Digits50 mean = x.mean * x.mean;
    INFO(chosen << " of " << count);
    const auto forward = convert<Digits50>(experts_forward(y, count, chosen));
    check_close(std::array{forward.second_moment(), forward.token_dot(), forward.cross_dot()},
                std::array{summed_over_pairs(count, chosen, true, x.second_moment(), mean),
                           summed_over_pairs(count, chosen, false, x.token_dot(), mean),
                           summed_over_pairs(count, chosen, false, x.cross_dot(), mean)},
                1e-12);
    check_close(values(experts_backward(g, count, chosen)),
                std::array{summed_over_pairs(count, chosen, true, Digits50(g.variance), 0),
                           summed_over_pairs(count, chosen, false, Digits50(g.covariance), 0),
                           summed_over_pairs(count, chosen, false, Digits50(g.cross_covariance), 0)},
                1e-12);
  }
}

TEST_CASE("more experts of a token never raise a variance, more experts never a covariance") {
  const Moments<double> y{0.2, 2, 1, 0.5};
  for (double chosen = 1; chosen < 8; ++chosen)
    CHECK(experts_forward(y, 8.0, chosen + 1).variance < experts_forward(y, 8.0, chosen).variance);
  for (double count = 2; count < 8; ++count)
    CHECK(experts_forward(y, count + 1, 2.0).covariance < experts_forward(y, count, 2.0).covariance);
}

TEST_CASE("experts read alike with every scalar type") {
  const auto forward_by_count = []<class T>(const T& count) {
    return values(experts_forward(Moments<T>{T(0.3), T(2), T(0.7), T(0.1)}, count, T(2)));
  };
  const auto backward_by_chosen = []<class T>(const T& chosen) {
    return values(experts_backward(Gradient<T>{T(2), T(0.7), T(0.1)}, T(8), chosen));
  };
  check_every_scalar(forward_by_count, 4);
  check_every_scalar(backward_by_chosen, 3);
}

}  // namespace
}  // namespace sigprop::test
