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
using formula::rotary_means;
using formula::SoftmaxMeans;

/// Attention of `rows` over `keys`, every number against the theory's.
void check_theory(const AttentionShape<double>& shape, const Moments<double>& rows, const Moments<double>& keys,
                  Random& random) {
  const auto b = random_gradient(random);
  const auto softmax = random_functionals(random);
  const double batch = std::floor(random.log_uniform(1, 64));
  const Theory theory(shape, rows, keys, softmax);
  const Gradient<Digits50> g = convert<Digits50>(b);
  const auto scores = attention_scores(rows, keys, shape);
  CHECK(relative_error(scores.variance, theory.v()) <= 1e-12);
  CHECK(relative_error(scores.correlation, theory.rho()) <= 1e-12);
  check_close(values(attention_forward(rows, keys, shape, softmax)), theory.output(), 1e-12);
  const auto back = attention_backward(b, rows, keys, shape, softmax, batch);
  check_close(values(back.value), theory.value(g), 1e-12);
  check_close(values(back.query), theory.query(g), 1e-12);
  check_close(values(back.key), theory.key(g), 1e-12);
  check_close(values(back.rows), theory.rows(g), 1e-12);
  const auto at_variance = [](const auto& all) { return std::array{all[0], all[2]}; };  // η cancels
  check_close(at_variance(values(back.keys)), at_variance(theory.keys(g)), 1e-12);
  check_close(at_variance(values(back.input())), at_variance(theory.input(g)), 1e-12);
  CHECK(relative_error(back.value_weight, theory.value_weight(g, batch)) <= 1e-12);
  CHECK(relative_error(back.query_weight, theory.query_weight(g, batch)) <= 1e-12);
  CHECK(relative_error(back.key_weight, theory.key_weight(g, batch)) <= 1e-12);
}

TEST_CASE("attention equals the theory on generated inputs") {
  Random random(121);
  for (int i = 0; i < 50; ++i) {
    const auto shape = random_shape(random);
    const auto x = random_signal(random);
    check_theory(shape, x, x, random);
  }
}

TEST_CASE("attention equals the theory across signals, with rotary positions and norms of queries and keys") {
  Random random(122);
  for (int i = 0; i < 80; ++i) {
    auto shape = random_shape(random);
    shape.normalized = random.happens(0.5);
    if (random.happens(0.5)) {
      const double once = random.uniform(0.05, 0.95);
      shape.rotated = {once, once * random.uniform(once, 1)};
    }
    const auto rows = random_signal(random), keys = random_signal(random);
    INFO("normalized " << shape.normalized << ", rotated " << shape.rotated.once << " " << shape.rotated.twice);
    check_theory(shape, rows, random.happens(0.5) ? keys : rows, random);
  }
}

/// All that attention returns.
template <class T>
std::array<T, 19> everything(const Moments<T>& rows, const Moments<T>& keys, const AttentionShape<T>& shape) {
  const auto softmax = plain_functionals<T>();
  const auto scores = attention_scores(rows, keys, shape);
  const auto z = attention_forward(rows, keys, shape, softmax);
  const auto g = attention_backward(Gradient<T>{T(1), T(0.3), T(0.1)}, rows, keys, shape, softmax, T(4));
  return {scores.variance,
          scores.correlation,
          z.variance,
          z.covariance,
          z.cross_covariance,
          g.rows.variance,
          g.rows.covariance,
          g.rows.cross_covariance,
          g.keys.variance,
          g.keys.covariance,
          g.keys.cross_covariance,
          g.input().variance,
          g.input().covariance,
          g.input().cross_covariance,
          g.query.variance,
          g.key.variance,
          g.value_weight,
          g.query_weight,
          g.key_weight};
}

template <class T>
std::array<T, 19> everything(const AttentionShape<T>& shape) {
  const Moments<T> x{T(0.1), T(1.2), T(0.3), T(0.1)};
  return everything(x, x, shape);
}

TEST_CASE("attention over its own rows is self-attention, bit for bit") {
  Random random(123);
  for (int i = 0; i < 20; ++i) {
    const auto shape = random_shape(random);
    const auto x = random_signal(random);
    const auto b = random_gradient(random);
    const auto softmax = random_functionals(random);
    CHECK(attention_scores(x, x, shape).variance == attention_scores(x, shape).variance);
    CHECK(values(attention_forward(x, x, shape, softmax)) == values(attention_forward(x, shape, softmax)));
    const auto across = attention_backward(b, x, x, shape, softmax, 3.0),
               self = attention_backward(b, x, shape, softmax, 3.0);
    CHECK(values(across.input()) == values(self.input()));
    CHECK(across.query_weight == self.query_weight);
    CHECK(across.key_weight == self.key_weight);
    CHECK(across.value_weight == self.value_weight);
  }
}

TEST_CASE("rows alone decide the query, keys alone the values") {
  const auto shape = plain_shape<double>();
  const auto softmax = plain_functionals<double>();
  const Moments<double> a{0, 1, 0.2, 0.1}, b{0, 2, 0.5, 0.3};
  CHECK(attention_scores(a, b, shape).correlation == Approx(0.2).epsilon(1e-14));
  CHECK(attention_scores(b, a, shape).correlation == Approx(0.25).epsilon(1e-14));
  CHECK(attention_scores(a, b, shape).variance == Approx(1.5).epsilon(1e-14));
  CHECK(attention_scores(b, a, shape).variance == Approx(1.6).epsilon(1e-14));
  CHECK(attention_forward(a, b, shape, softmax).cross_covariance == Approx(0.3).epsilon(1e-14));
  CHECK(attention_forward(b, a, shape, softmax).cross_covariance == Approx(0.1).epsilon(1e-14));
}

TEST_CASE("heads of which nothing turns are heads without rotary positions, bit for bit") {
  auto shape = plain_shape<double>();
  const auto plain = everything(shape);
  shape.rotated = rotary_means(256.0, 64.0, 0.0, 10000.0);
  CHECK(everything(shape) == plain);
  shape.rotated = {1, 1};
  CHECK(everything(shape) == plain);
}

TEST_CASE("rotary positions tell equal tokens apart") {
  auto shape = plain_shape<double>();
  const Moments<double> x{0, 1, 1, 1};
  CHECK(attention_scores(x, shape).variance == 0);
  shape.rotated = {0.75, 0.625};
  CHECK(attention_scores(x, shape).variance == Approx(0.25).epsilon(1e-14));
  CHECK(attention_scores(x, shape).correlation == Approx(0.5).epsilon(1e-14));
}

TEST_CASE(
    "behind a norm of queries and keys, the scale of their weights is lost to scores and divides their gradients") {
  const Moments<double> x{0, 2, 0.5, 0};
  auto shape = plain_shape<double>();
  shape.normalized = true;
  const auto softmax = plain_functionals<double>();
  const auto one = attention_backward<double>({1, 0.3, 0}, x, shape, softmax, 1);
  CHECK(attention_scores(x, shape).variance == Approx(0.75).epsilon(1e-14));
  shape.query_weight *= 4;
  shape.key_weight *= 9;
  const auto other = attention_backward<double>({1, 0.3, 0}, x, shape, softmax, 1);
  CHECK(attention_scores(x, shape).variance == Approx(0.75).epsilon(1e-14));
  CHECK(other.query.variance == Approx(one.query.variance / 4).epsilon(1e-14));
  CHECK(other.key.variance == Approx(one.key.variance / 9).epsilon(1e-14));
  CHECK(other.query_weight == Approx(one.query_weight / 4).epsilon(1e-14));
  CHECK(other.key_weight == Approx(one.key_weight / 9).epsilon(1e-14));
  check_close(values(other.input()), values(one.input()), 1e-12);
}

TEST_CASE("a norm of queries or keys that are 0 is named") {
  const Moments<double> x{0, 1, 0.2, 0};
  auto shape = plain_shape<double>();
  shape.normalized = true;
  shape.query_weight = 0;
  CHECK(domain_message([&] { return attention_scores(x, shape); }) ==
        "query second moment before its norm is 0, but must be above 0");
  shape = plain_shape<double>();
  shape.normalized = true;
  shape.key_weight = 0;
  CHECK(domain_message([&] { return attention_scores(x, shape); }) ==
        "key second moment before its norm is 0, but must be above 0");
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

TEST_CASE("attention across signals, rotated and normalized, reads alike with every scalar type") {
  const auto by_row_variance = []<class T>(const T& variance) {
    return everything(Moments<T>{T(0.1), variance, T(0.3), T(0.1)}, Moments<T>{T(0), T(2), T(0.7), T(0.2)},
                      plain_shape<T>());
  };
  const auto by_turn = []<class T>(const T& once) {
    auto shape = plain_shape<T>();
    shape.rotated = {once, T(0.4)};
    return everything(shape);
  };
  const auto by_normalized_key_weight = []<class T>(const T& w) {
    auto shape = plain_shape<T>();
    shape.normalized = true;
    shape.key_weight = w;
    shape.bias_variance = T(0.2);
    return everything(shape);
  };
  check_every_scalar(by_row_variance, 1.2);
  check_every_scalar(by_turn, 0.5);
  check_every_scalar(by_normalized_key_weight, 0.003);
}

}  // namespace
}  // namespace sigprop::test
