// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/attention.hpp"

#include <catch2/catch.hpp>

#include "formula/attention_theory.hpp"
#include "support/attention_inputs.hpp"
#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"

namespace sigprop::test {
namespace {

using formula::attention_backward;
using formula::attention_forward;
using formula::attention_scores;
using formula::AttentionShape;
using formula::Gradient;
using formula::Moments;
using formula::SoftmaxMeans;

TEST_CASE("attention equals the theory on generated inputs") {
  Random random(121);
  for (int i = 0; i < 50; ++i) {
    const auto shape = random_shape(random);
    const auto x = random_signal(random);
    const auto b = random_gradient(random);
    const auto softmax = random_functionals(random);
    const double batch = std::floor(random.log_uniform(1, 64));
    const Theory theory(shape, x, softmax);
    const Gradient<Digits50> g = convert<Digits50>(b);
    const auto scores = attention_scores(x, shape);
    CHECK(relative_error(scores.variance, theory.v()) <= 1e-12);
    CHECK(relative_error(scores.correlation, theory.rho()) <= 1e-12);
    check_close(values(attention_forward(x, shape, softmax)), theory.output(), 1e-12);
    const auto back = attention_backward(b, x, shape, softmax, batch);
    check_close(values(back.value), theory.value(g), 1e-12);
    check_close(values(back.query), theory.query(g), 1e-12);
    check_close(values(back.key), theory.key(g), 1e-12);
    check_close(std::array{back.input.variance, back.input.cross_covariance},
                std::array{theory.input(g)[0], theory.input(g)[2]}, 1e-12);
    CHECK(relative_error(back.value_weight, theory.value_weight(g, batch)) <= 1e-12);
    CHECK(relative_error(back.query_weight, theory.weight(theory.query(g), batch)) <= 1e-12);
    CHECK(relative_error(back.key_weight, theory.key_weight(g, batch)) <= 1e-12);
  }
}

TEST_CASE("attention names the argument outside its domain") {
  const Moments<double> x{0, 1, 0.2, 0};
  const Gradient<double> b{1, 0, 0};
  const auto shape = plain_shape<double>();
  const auto softmax = plain_functionals<double>();
  const auto scores = [&](auto field, double value) {
    auto bad = shape;
    bad.*field = value;
    return domain_message([&] { return attention_scores(x, bad); });
  };
  const auto forward = [&](auto field, double value) {
    auto bad = shape;
    bad.*field = value;
    return domain_message([&] { return attention_forward(x, bad, softmax); });
  };
  const auto backward = [&](auto field, double value) {
    auto bad = shape;
    bad.*field = value;
    return domain_message([&] { return attention_backward(b, x, bad, softmax, 1.0); });
  };
  using Shape = AttentionShape<double>;
  CHECK(scores(&Shape::length, 0) == "sequence length is 0, but must be at least 1");
  CHECK(scores(&Shape::width, 0) == "width is 0, but must be at least 1");
  CHECK(scores(&Shape::head_width, 0.5) == "head width is 0.5, but must be at least 1");
  CHECK(scores(&Shape::query_weight, -1) == "query weight variance is -1, but must be at least 0");
  CHECK(scores(&Shape::key_weight, -1) == "key weight variance is -1, but must be at least 0");
  CHECK(forward(&Shape::dropout, 1) == "drop probability p is 1, but must be in [0, 1)");
  CHECK(forward(&Shape::value_weight, -2) == "value weight variance is -2, but must be at least 0");
  CHECK(backward(&Shape::dropout, -0.5) == "drop probability p is -0.5, but must be in [0, 1)");
  CHECK(backward(&Shape::length, 1) == "sequence length is 1, but must be at least 2");
  CHECK(domain_message([&] { return attention_backward(b, x, shape, softmax, 0.0); }) ==
        "batch is 0, but must be at least 1");
}

TEST_CASE("attention without scores averages the values") {
  auto shape = plain_shape<double>();
  shape.query_weight = 0;
  shape.dropout = 0;
  const double L = shape.length;
  SoftmaxMeans<double> even = plain_functionals<double>();
  even.row.squares = even.pair.overlap = 1 / L;
  const Moments<double> x{0, 1, 0.2, 0.1};
  CHECK(attention_scores(x, shape).variance == 0);
  const auto z = attention_forward(x, shape, even);
  CHECK(z.variance == Approx(0.2 + 0.8 / L).epsilon(1e-12));
  CHECK(z.covariance == Approx(z.variance).epsilon(1e-12));
  const auto back = attention_backward<double>({1, 0, 0}, x, shape, even, 1);
  CHECK(back.key.variance == 0);
  CHECK(back.value.variance == Approx(back.value.covariance).epsilon(1e-12));
}

TEST_CASE("attention of equal tokens passes them on and sends no gradient through scores") {
  const auto shape = plain_shape<double>(0.0);
  const Moments<double> x{0, 1, 1, 1};
  CHECK(attention_scores(x, shape).variance == 0);
  const auto z = attention_forward(x, shape, plain_functionals<double>());
  CHECK(z.variance == Approx(1).epsilon(1e-12));
  CHECK(z.covariance == z.variance);
  const auto back = attention_backward<double>({1, 0.3, 0}, x, shape, plain_functionals<double>(), 1);
  CHECK(back.query.variance == 0);
  CHECK(std::abs(back.key.variance) <= 1e-15);
}

TEST_CASE("score gain and biases enter where the scores are formed") {
  const Moments<double> x{0, 1, 0.2, 0};
  auto shape = plain_shape<double>();
  const auto plain = attention_backward<double>({1, 0.3, 0}, x, shape, plain_functionals<double>(), 1);
  const double v = attention_scores(x, shape).variance;
  shape.score_gain = 64;
  const auto sharp = attention_backward<double>({1, 0.3, 0}, x, shape, plain_functionals<double>(), 1);
  CHECK(attention_scores(x, shape).variance == Approx(64 * v).epsilon(1e-14));
  CHECK(sharp.query.variance == Approx(64 * plain.query.variance).epsilon(1e-14));
  CHECK(sharp.key.variance == Approx(64 * plain.key.variance).epsilon(1e-14));
  CHECK(sharp.key_weight == Approx(64 * plain.key_weight).epsilon(1e-14));
  CHECK(sharp.value.variance == plain.value.variance);
  shape.score_gain = 1;
  shape.bias_variance = 0.5;
  CHECK(attention_scores(x, shape).correlation ==
        Approx((0.2 * 512 * shape.query_weight + 0.5) / (512 * shape.query_weight + 0.5)));
}

/// All that attention returns, as functions of one number for check_every_scalar.
template <class T>
std::array<T, 10> everything(const AttentionShape<T>& shape) {
  const Moments<T> x{T(0.1), T(1.2), T(0.3), T(0.1)};
  const auto softmax = plain_functionals<T>();
  const auto z = attention_forward(x, shape, softmax);
  const auto g = attention_backward(Gradient<T>{T(1), T(0.3), T(0.1)}, x, shape, softmax, T(4));
  return {z.variance,         z.covariance,     z.cross_covariance,       g.input.variance,
          g.input.covariance, g.query.variance, g.input.cross_covariance, g.value_weight,
          g.query_weight,     g.key_weight};
}

TEST_CASE("attention reads alike with every scalar type") {
  const auto by_query_weight = []<class T>(const T& w) {
    auto shape = plain_shape<T>();
    shape.query_weight = w;
    return everything(shape);
  };
  const auto by_dropout = []<class T>(const T& p) { return everything(plain_shape<T>(p)); };
  check_every_scalar(by_query_weight, 0.003);
  check_every_scalar(by_dropout, 0.1);
}

}  // namespace
}  // namespace sigprop::test
