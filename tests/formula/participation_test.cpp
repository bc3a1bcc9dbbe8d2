// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/participation.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "support/attention_inputs.hpp"
#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"

namespace sigprop::test {
namespace {

using formula::Anisotropy;
using formula::attention_anisotropy;
using formula::AttentionShape;
using formula::experts_anisotropy;
using formula::featurewise_anisotropy;
using formula::linear_anisotropy;
using formula::Moments;
using formula::parallel_anisotropy;
using formula::residual_anisotropy;
using formula::SoftmaxMeans;

template <class T>
std::array<T, 2> values(const Anisotropy<T>& x) {
  return {x.participation, x.linear};
}

Anisotropy<Digits50> precise(const Anisotropy<double>& x) {
  return {x.participation, x.linear};
}

/// So many features that what is asymptotic in them is exact to rounding.
constexpr double many = 1e15;

TEST_CASE("a linear map adds a part that is spread over its outputs") {
  CHECK(values(linear_anisotropy<double>({0.25, 0.5}, 4)) == std::array{0.5625, 0.5});
  check_close(values(linear_anisotropy<double>({0.25, 0.5}, many)), std::array{0.25, 0.5}, 1e-14);
  CHECK(values(linear_anisotropy<double>({0.25, 0.5}, 1)) == std::array{1.0, 0.5});
}

TEST_CASE("a map of every feature by itself dilutes the cloud by the square of its linear share") {
  const Anisotropy<double> x{0.5, 0.8};
  CHECK(values(featurewise_anisotropy(x, 1.0, 4.0)) == std::array{0.5, 0.8});
  CHECK(values(featurewise_anisotropy(x, 0.5, 4.0)) == std::array{0.3125, 0.4});
  CHECK(values(featurewise_anisotropy(x, 0.0, 4.0)) == std::array{0.25, 0.0});
}

TEST_CASE("a residual sum without one of its parts has the cloud of the other") {
  const Anisotropy<double> x{0.5, 0.75}, f{0.25, 0.5};
  CHECK(values(residual_anisotropy(x, 2.0, f, 0.0, 4.0)) == values(x));
  CHECK(values(residual_anisotropy(x, 0.0, f, 2.0, 4.0)) == std::array{0.25, 0.375});
  CHECK(values(residual_anisotropy(x, 0.0, f, 0.0, 4.0)) == values(x));
}

TEST_CASE("a residual sum counts what its branch has made linearly of the skip") {
  CHECK(values(residual_anisotropy<double>({0.25, 1}, 1, {0.5, 1}, 1, 4)) == std::array{0.4375, 1.0});
  CHECK(values(residual_anisotropy<double>({0.25, 1}, 1, {0.5, 0}, 1, 4)) == std::array{0.3125, 0.5});
}

TEST_CASE("a linear branch of very many features leaves the cloud as it is") {
  const Anisotropy<double> x{0.25, 1};
  check_close(values(residual_anisotropy(x, 3.0, linear_anisotropy(x, many), 2.0, many)), values(x), 1e-14);
}

TEST_CASE("two linear maps of one signal side by side are a linear map") {
  const Anisotropy<double> x{0.25, 0.5}, y = linear_anisotropy(x, many);
  check_close(values(parallel_anisotropy(x, y, 3.0, y, 2.0, many)), values(x), 1e-14);
}

TEST_CASE("lists side by side add up like sums of signals that share nothing where nothing of them is linear") {
  const Anisotropy<double> x{0.5, 1}, a{0.5, 0}, b{0.25, 1};
  CHECK(values(parallel_anisotropy(x, a, 1.0, b, 1.0, 4.0)) == std::array{0.3125, 0.5});
  CHECK(values(parallel_anisotropy<double>({0.5, 0}, a, 1, {0.25, 0}, 1, 4)) == std::array{0.3125, 0.0});
  CHECK(values(parallel_anisotropy(x, a, 0.0, b, 0.0, 4.0)) == values(a));
}

TEST_CASE("one expert that every token takes has its own cloud") {
  const Anisotropy<double> x{0.25, 1}, y{0.5, 0.75};
  CHECK(values(experts_anisotropy<double>(x, y, {0, 2, 1, 0}, 4, 1, 1)) == values(y));
  CHECK(values(experts_anisotropy<double>(x, y, {0, 2, 2, 2}, 4, 4, 4)) == values(y));
}

TEST_CASE("linear experts that every token takes are a linear map") {
  const Anisotropy<double> x{0.25, 0.5};
  const auto y = experts_anisotropy<double>(x, linear_anisotropy(x, many), {0, 2, 1, 0}, many, 4, 4);
  check_close(values(y), values(x), 1e-14);
}

TEST_CASE("two experts of which a token takes one tell equal tokens apart along one direction") {
  const auto y = experts_anisotropy<double>({0.25, 1}, {0.25, 1}, {0.5, 2, 2, 0}, many, 2, 1);
  CHECK(y.participation == Approx(1).epsilon(1e-14));
  CHECK(y.linear == 0);
  check_close(values(experts_anisotropy<double>({0.25, 1}, {0.5, 0.75}, {0, 2, 1, 0}, 4, 2, 1)),
              std::array{7.0 / 18, 0.25}, 1e-14);
}

TEST_CASE("variances beyond a double leave a cloud within its range") {
  constexpr double inf = std::numeric_limits<double>::infinity();
  const Anisotropy<double> x{0.5, 1}, f{0.25, 0.5};
  CHECK(values(residual_anisotropy(x, inf, f, inf, 4.0)) == values(x));
  CHECK(values(residual_anisotropy(x, 1.0, f, inf, 4.0)) == values(f));
  CHECK(values(parallel_anisotropy(x, x, inf, f, inf, 4.0)) == values(x));
  const auto y = experts_anisotropy<double>(x, f, {0, inf, inf, 0}, 4, 4, 2);
  CHECK(y.participation == 0.25);
}

TEST_CASE("equal tokens have no centred variance, whatever rounding leaves") {
  CHECK(formula::centred_variance<double>({0.5, 2, 0.5, 0}) == 1.5);
  CHECK(formula::centred_variance<double>({0, 1, 1.0000000000000002, 0}) == 0);
  CHECK(formula::share_of(-1.0, 2.0) == 0);
  CHECK(formula::share_of(1.0, 2.0) == 0.5);
  CHECK(formula::share_of(3.0, 2.0) == 1);
  CHECK(formula::share_of(0.0, 0.0) == 0);
}

TEST_CASE("heads over equal tokens have no cloud") {
  const Moments<double> rows{0, 1, 0.2, 0}, equal{0, 1, 1, 0};
  const auto z = attention_anisotropy(rows, {0.25, 1}, equal, plain_shape<double>(0), plain_functionals<double>());
  CHECK(values(z) == std::array{1.0 / 512, 0.0});
}

TEST_CASE("participation names the argument outside its domain") {
  const Anisotropy<double> x{0.25, 1};
  const Moments<double> y{0, 2, 1, 0};
  CHECK(domain_message([&] { return linear_anisotropy(x, 0.5); }) == "fan-out is 0.5, but must be at least 1");
  const std::string features = "features is 0, but must be at least 1";
  CHECK(domain_message([&] { return featurewise_anisotropy(x, 1.0, 0.0); }) == features);
  CHECK(domain_message([&] { return residual_anisotropy(x, 1.0, x, 1.0, 0.0); }) == features);
  CHECK(domain_message([&] { return parallel_anisotropy(x, x, 1.0, x, 1.0, 0.0); }) == features);
  CHECK(domain_message([&] { return experts_anisotropy(x, x, y, 0.0, 4.0, 2.0); }) == features);
  CHECK(domain_message([&] { return experts_anisotropy(x, x, y, 4.0, 4.0, 0.0); }) ==
        "experts of a token is 0, but must be at least 1");
  CHECK(domain_message([&] { return experts_anisotropy(x, x, y, 4.0, 4.0, 6.0); }) ==
        "experts that a token does not take is -2, but must be at least 0");
}

Anisotropy<double> random_cloud(Random& random) {
  return {random.log_uniform(1e-3, 1), random.uniform(0.01, 1)};
}

TEST_CASE("sums of clouds equal the theory on generated inputs") {
  Random random(321);
  for (int i = 0; i < 50; ++i) {
    const auto x = random_cloud(random), f = random_cloud(random), g = random_cloud(random);
    const double skip = random.log_uniform(1e-2, 1e2), branch = random.log_uniform(1e-2, 1e2),
                 n = std::floor(random.log_uniform(2, 4096));
    const auto s = precise(x), sf = precise(f), sg = precise(g);
    const Digits50 a = Digits50(skip) / (Digits50(skip) + Digits50(branch)), b = 1 - a;
    check_close(values(residual_anisotropy(x, skip, f, branch, n)),
                std::array<Digits50, 2>{a * a * s.participation + b * b * sf.participation +
                                            2 * a * b * (1 / Digits50(n) + sf.linear * s.participation),
                                        s.linear * (a + b * sf.linear)},
                1e-13);
    const Digits50 common = sf.linear / s.linear * sg.linear / s.linear * s.participation;
    check_close(values(parallel_anisotropy(x, f, skip, g, branch, n)),
                std::array<Digits50, 2>{
                    a * a * sf.participation + b * b * sg.participation + 2 * a * b * (1 / Digits50(n) + common),
                    a * sf.linear + b * sg.linear},
                1e-13);
  }
}

/// ‖Σ‖²/(Tr Σ)² of experts as the sum of its parts: experts with themselves, with each other, and
/// what tokens have in common.
std::array<Digits50, 2> experts_in_parts(const Anisotropy<double>& x, const Anisotropy<double>& of_y,
                                         const Moments<double>& y, const Digits50& n, const Digits50& E,
                                         const Digits50& k) {
  const auto s = precise(x), e = precise(of_y);
  const Digits50 own = (Digits50(y.variance) - y.covariance) / k, choice = Digits50(y.covariance) * (1 / k - 1 / E);
  const Digits50 meet = k * (k - 1) / (E * (E - 1));  // a token takes two given experts
  const Digits50 one = E * (k / E) * (k / E) * e.participation + E * (E - 1) * (k / E) * (k / E) / n;
  const Digits50 psi = e.linear / s.linear;
  const Digits50 two = E * (E - 1) * meet * meet * psi * psi * s.participation;
  const Digits50 apart = 1 / (E - 1) + 1 / n + 1 / ((E - 1) * n), directions = apart < 1 ? apart : Digits50(1);
  const Digits50 all = own + choice;
  return {(own * own * (one + two) / (k * k) + choice * choice * directions + 2 * own * choice / n) / (all * all),
          e.linear * own * k / E / all};
}

TEST_CASE("clouds of experts equal the sum of their parts on generated inputs") {
  Random random(322);
  for (int i = 0; i < 50; ++i) {
    const double count = std::floor(random.log_uniform(2, 64)), chosen = std::floor(random.uniform(1, count + 0.99)),
                 n = std::floor(random.log_uniform(2, 4096));
    const auto x = random_cloud(random), y = random_cloud(random);
    const auto moments = random_signal(random);
    INFO(chosen << " of " << count);
    check_close(values(experts_anisotropy(x, y, moments, n, count, chosen)),
                experts_in_parts(x, y, moments, n, count, chosen), 1e-12);
  }
}

/// The theory for self-attention without rotary positions, biases or norms of queries and keys.
std::array<Digits50, 2> heads_in_parts(const Anisotropy<double>& cloud, const Moments<double>& signal,
                                       const AttentionShape<double>& shape, const SoftmaxMeans<double>& softmax) {
  const Moments<Digits50> x = convert<Digits50>(signal);
  const Digits50 q = x.second_moment(), own = q - x.token_dot(), s = shape.participation, p = shape.dropout;
  const Digits50 w_q = Digits50(shape.width) * shape.query_weight, w_k = Digits50(shape.width) * shape.key_weight;
  const Digits50 s2 = softmax.row.squares, leak = s * (1 - s2) * (1 - s2);
  const Digits50 forward = (1 - s2) * (1 - s2) / shape.width;
  const Digits50 kept = own * (s2 + Digits50(softmax.row.leak) * w_q * q * w_k * own * forward) -
                        own * (softmax.pair.overlap + w_q * x.token_dot() * w_k * own * forward);
  const Digits50 all = kept + s2 * q * p / (1 - p);
  const Digits50 share = w_q * own * w_k * own * own * (softmax.pair.query_jacobian + leak) / all;
  const Digits50 psi = share > 1 ? Digits50(1) : share;
  return {psi * psi * Digits50(cloud.participation) + kept / all * kept / all * s / shape.heads +
              (1 + psi * psi) / (Digits50(shape.heads) * shape.head_width),
          Digits50(cloud.linear) * psi};
}

TEST_CASE("the cloud at the heads' outputs equals the theory on generated inputs") {
  Random random(323);
  int linear_throughout = 0;
  for (int i = 0; i < 50; ++i) {
    auto shape = random_shape(random);
    shape.participation = random.log_uniform(1e-3, 0.2);
    auto softmax = random_functionals(random);
    softmax.pair.overlap = random.uniform(0, 0.9) * softmax.row.squares;
    const auto x = random_signal(random);
    const auto cloud = random_cloud(random);
    const auto heads = attention_anisotropy(x, cloud, x, shape, softmax);
    check_close(values(heads), heads_in_parts(cloud, x, shape, softmax), 1e-11);
    linear_throughout += heads.linear == cloud.linear ? 1 : 0;
  }
  CHECK(linear_throughout > 0);
  CHECK(linear_throughout < 50);
}

TEST_CASE("heads of normalized queries and keys take the moments behind the norm") {
  const Moments<double> x{0, 2, 0.5, 0}, unit{0, 1, 0.25, 0};
  auto shape = plain_shape<double>();
  const auto softmax = plain_functionals<double>();
  const auto plain = attention_anisotropy(unit, {0.25, 1}, unit, shape, softmax);
  shape.normalized = true;
  check_close(values(attention_anisotropy(x, {0.25, 1}, x, shape, softmax)), values(plain), 1e-14);
}

TEST_CASE("participation reads alike with every scalar type") {
  const auto along = []<class T>(const T& s) {
    const Anisotropy<T> x{T(0.2), T(0.9)}, y{s, T(0.6)};
    const auto wide = linear_anisotropy(y, T(64));
    const auto thin = featurewise_anisotropy(y, T(0.7), T(64));
    const auto sum = residual_anisotropy(x, T(1.5), y, T(0.5), T(64));
    const auto both = parallel_anisotropy(x, y, T(1.5), x, T(0.5), T(64));
    const auto experts = experts_anisotropy(x, y, Moments<T>{T(0), T(2), T(0.7), T(0.1)}, T(64), T(8), T(2));
    return std::array<T, 5>{wide.participation, thin.participation, sum.participation, both.participation,
                            experts.participation};
  };
  const auto by_chosen = []<class T>(const T& chosen) {
    return values(experts_anisotropy(Anisotropy<T>{T(0.2), T(0.9)}, Anisotropy<T>{T(0.3), T(0.6)},
                                     Moments<T>{T(0), T(2), T(0.7), T(0.1)}, T(64), T(8), chosen));
  };
  const auto heads_by_variance = []<class T>(const T& variance) {
    const Moments<T> x{T(0), variance, T(0.3), T(0.1)};
    return values(attention_anisotropy(x, Anisotropy<T>{T(0.1), T(0.9)}, x, plain_shape<T>(), plain_functionals<T>()));
  };
  check_every_scalar(along, 0.15);
  check_every_scalar(by_chosen, 3);
  check_every_scalar(heads_by_variance, 1.2);
}

}  // namespace
}  // namespace sigprop::test
