// SPDX-License-Identifier: Apache-2.0 Attention under a causal mask, one component alone:
// identities that hold whatever the tokens, and the cases in which its two forms and the theory of
// exchangeable tokens must meet.
#include "predict/tokens/causal_attention.hpp"

#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>

#include "support/random.hpp"

namespace {

using namespace sigprop;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using predict::Shape;
using predict::TokenAttention;

constexpr Index length = 24;
constexpr double width = 512, head_width = 64;

/// A head of score variance about `sharpness` over tokens of second moment 1, value gain 1.
Shape shape_of(double sharpness, double dropout) {
  const double weight = std::sqrt(sharpness) / width;
  return {static_cast<double>(length), width, width / head_width, head_width, weight, weight, 1 / width, 0, dropout, 1};
}

MatrixXd exchangeable(double variance, double covariance) {
  MatrixXd x = MatrixXd::Constant(length, length, covariance);
  x.diagonal().setConstant(variance);
  return x;
}

/// Tokens of second moment 1 that grow alike as a stack behind a mask makes them: the later, the
/// more.
MatrixXd grown() {
  return MatrixXd::NullaryExpr(length, length, [](Index i, Index j) {
    return i == j ? 1.0
                  : 0.5 - 0.4 / std::sqrt(static_cast<double>(std::min(i, j) + 1)) +
                        0.1 / static_cast<double>(1 + std::max(i, j));
  });
}

/// Gradient products of random directions.
MatrixXd random_gradient() {
  test::Random random(7);
  const MatrixXd g = MatrixXd::NullaryExpr(length, 4 * length, [&] { return random.normal(); });
  return g * g.transpose() / (4 * length);
}

/// Both forms of one attention, with rotary positions of a base where one is given.
struct Forms {
  Forms(const MatrixXd& x, const Shape& shape, std::optional<double> rotary_base = {})
      : head{static_cast<std::size_t>(head_width), shape.normalized},
        rows(length, head),
        tables(predict::TokenGroups::single(length), head, rows) {
    if (rotary_base) {
      tables.rotary = std::make_shared<const predict::RotaryField>(length, head_width, head_width, *rotary_base);
      tables.rotated_pairs = std::make_shared<predict::RotatedPairs>(*tables.rotary, tables.groups);
    }
    means = predict::prefix_means(predict::causal_scores(x, shape, tables));
    actual = predict::actual_prefixes(predict::causal_scores(x, shape, tables), tables.rows);
  }

  predict::Head head;
  predict::RowTable rows;
  predict::CausalTables tables;
  std::unique_ptr<TokenAttention> means, actual;
};

/// The largest distance of two matrices over the largest number of the second.
double distance(const MatrixXd& a, const MatrixXd& b) {
  return (a - b).cwiseAbs().maxCoeff() / b.cwiseAbs().maxCoeff();
}

TEST_CASE("whatever the tokens, the key gradients of a sequence sum to 0 and the value gradients to the heads'",
          "[bulk]") {
  const MatrixXd b = random_gradient();
  for (const double sharpness : {0.3, 4.0}) {
    const Forms forms(grown(), shape_of(sharpness, 0));
    for (const TokenAttention* form : {forms.means.get(), forms.actual.get()}) {
      INFO("sharpness " << sharpness << (form == forms.means.get() ? ", means" : ", actual"));
      const predict::CausalGradient back = form->backward(b);
      CHECK(std::abs(back.key.sum()) <= 1e-9 * back.key.trace());
      CHECK(back.value.sum() == Approx(b.sum()).epsilon(1e-9));
    }
  }
}

TEST_CASE("behind a norm of queries and keys, tokens' sizes count in the values and in the gradients before the norm") {
  Shape shape = shape_of(1, 0.1);
  shape.normalized = true;
  shape.score_gain = 2;
  const Eigen::VectorXd sizes = Eigen::VectorXd::LinSpaced(length, 0.5, 2);
  const auto sized = [&](const MatrixXd& m) -> MatrixXd { return sizes.asDiagonal() * m * sizes.asDiagonal(); };
  const Forms alike(grown(), shape), forms(sized(grown()), shape);
  const MatrixXd b = random_gradient();
  for (const auto form : {&Forms::means, &Forms::actual}) {
    const TokenAttention &one = *(alike.*form), &other = *(forms.*form);
    CHECK((one.scores().variance - other.scores().variance).cwiseAbs().maxCoeff() <= 1e-12);
    CHECK(distance(one.scores().pair.overlap, other.scores().pair.overlap) <= 1e-12);
    const predict::CausalGradient small = one.backward(b), large = other.backward(b);
    CHECK(distance(large.value, small.value) <= 1e-9);
    CHECK(std::abs(sized(large.key).sum()) <= 1e-9 * large.key.trace());
    CHECK(distance(other.mixed(), one.mixed()) > 0.1);
  }
}

TEST_CASE("dropout leaves the key gradients' sum at 0") {
  const Forms forms(grown(), shape_of(1, 0.3));
  for (const TokenAttention* form : {forms.means.get(), forms.actual.get()}) {
    const predict::CausalGradient back = form->backward(random_gradient());
    CHECK(std::abs(back.key.sum()) <= 1e-9 * back.key.trace());
  }
}

TEST_CASE("equal tokens leave attention as they entered, and queries and keys without a gradient") {
  const Forms forms(exchangeable(1, 1), shape_of(2, 0));
  for (const TokenAttention* form : {forms.means.get(), forms.actual.get()}) {
    CHECK(distance(form->mixed(), MatrixXd::Ones(length, length)) <= 1e-5);
    const predict::CausalGradient back = form->backward(random_gradient());
    CHECK(back.query.cwiseAbs().maxCoeff() <= 1e-9);
    CHECK(back.key.cwiseAbs().maxCoeff() <= 1e-9);
    CHECK(std::abs(back.key_weight) <= 1e-9);
  }
}

TEST_CASE("the first token attends to itself only") {
  const double p = 0.2;
  const Forms forms(grown(), shape_of(2, p));
  for (const TokenAttention* form : {forms.means.get(), forms.actual.get()}) {
    CHECK(form->mixed()(0, 0) == Approx(1 / (1 - p)));
    CHECK(form->backward(random_gradient()).query(0, 0) == 0);
  }
}

TEST_CASE("the last row over exchangeable tokens is a row without a mask, forward and backward", "[bulk]") {
  for (const double p : {0.0, 0.2}) {
    for (const double sharpness : {0.5, 3.0}) {
      const Shape shape = shape_of(sharpness, p);
      const formula::Moments<double> x{0, 1, 0.3, 0};
      const auto scores = formula::attention_scores(x, shape);
      const formula::SoftmaxMeans<double> softmax{
          formula::softmax_row_means(scores.variance, shape.length, head_width),
          formula::softmax_pair_means(scores.variance, scores.correlation, shape.length, shape.length, head_width)};
      const auto z = formula::attention_forward(x, shape, softmax);
      const auto g = formula::attention_backward<double>({1, 0, 0}, x, shape, softmax, 1);
      const Forms forms(exchangeable(1, 0.3), shape);
      MatrixXd last = MatrixXd::Zero(length, length);
      last(length - 1, length - 1) = 1;
      constexpr double tables = 1e-3;
      for (const TokenAttention* form : {forms.means.get(), forms.actual.get()}) {
        INFO("dropout " << p << ", sharpness " << sharpness << (form == forms.means.get() ? ", means" : ", actual"));
        CHECK(form->scores().variance[length - 1] == Approx(scores.variance));
        CHECK(form->mixed()(length - 1, length - 1) == Approx(z.variance).epsilon(tables));
        const predict::CausalGradient back = form->backward(last);  // one row's share of every key's gradient
        CHECK(back.query(length - 1, length - 1) == Approx(g.query.variance).epsilon(tables));
        CHECK(back.value.trace() == Approx(g.value.variance).epsilon(tables));
        CHECK(back.key.trace() == Approx(g.key.variance).epsilon(tables));
      }
    }
  }
}

TEST_CASE("over exchangeable tokens the actual prefixes are their means", "[bulk]") {
  const MatrixXd b = random_gradient();
  for (const double p : {0.0, 0.2}) {
    for (const double sharpness : {0.5, 3.0}) {
      INFO("dropout " << p << ", sharpness " << sharpness);
      const Forms forms(exchangeable(1, 0.3), shape_of(sharpness, p));
      const predict::CausalGradient means = forms.means->backward(b), actual = forms.actual->backward(b);
      std::printf(
          "dropout %.1f, sharpness %.1f: actual less means, mixed %.1e, value %.1e, query %.1e, key %.1e, W_k %.1e\n",
          p, sharpness, distance(forms.actual->mixed(), forms.means->mixed()), distance(actual.value, means.value),
          distance(actual.query, means.query), distance(actual.key, means.key),
          actual.key_weight / means.key_weight - 1);
      constexpr double tables = 1e-4;
      CHECK(distance(forms.actual->mixed(), forms.means->mixed()) <= tables);
      CHECK(distance(actual.value, means.value) <= tables);
      CHECK(distance(actual.query, means.query) <= tables);
      CHECK(distance(actual.key, means.key) <= tables);
      CHECK(actual.key_weight == Approx(means.key_weight).epsilon(tables));
    }
  }
}

TEST_CASE("with rotary positions tokens that are nearly equal keep the digits of what tells them apart") {
  const MatrixXd b = random_gradient();
  for (const double apart : {1e-3, 1e-6, 1e-9, 1e-12}) {
    INFO("1 - r = " << apart);
    const Forms forms(exchangeable(1, 1 - apart), shape_of(1, 0), 30);
    const predict::CausalGradient means = forms.means->backward(b), actual = forms.actual->backward(b);
    CHECK(distance(forms.actual->mixed(), forms.means->mixed()) <= 1e-3);
    CHECK(distance(actual.value, means.value) <= 0.05);
    CHECK(actual.value.diagonal().minCoeff() > 0);
    // The forms differ in how they see rotated keys, by 11 %, the same however near the tokens are.
    CHECK(actual.query.trace() / means.query.trace() == Approx(1.11).epsilon(0.01));
    CHECK(actual.key_weight / means.key_weight == Approx(1.11).epsilon(0.01));
  }
  const Forms equal(exchangeable(1, 1), shape_of(1, 0), 30);
  CHECK(equal.actual->backward(b).value.diagonal().minCoeff() > 0);
}

TEST_CASE("without queries the gradient at them is that of even weights") {
  for (const double query : {0.0, 1e-6, 1e-4}) {
    Shape shape = shape_of(1, 0);
    shape.query_weight *= query * query;
    const Forms forms(grown(), shape);
    const MatrixXd b = random_gradient();
    const Forms alike(exchangeable(1, 0.3), shape);
    const predict::CausalGradient means = alike.means->backward(b), actual = alike.actual->backward(b);
    INFO("query std " << query);
    CHECK(actual.query.trace() == Approx(means.query.trace()).epsilon(2e-3));
    // Of tokens that stand apart it is positive and does not jump with the scores.
    const double here = forms.actual->backward(b).query.trace();
    shape.query_weight = shape_of(1, 0).query_weight * 1e-4;
    CHECK(here == Approx(Forms(grown(), shape).actual->backward(b).query.trace()).epsilon(0.02));
  }
}

TEST_CASE("with rotary positions and small scores the query path sees every pair of rotated keys") {
  constexpr double base = 30, sharpness = 1e-5;
  const MatrixXd x = grown();
  const Shape shape = shape_of(sharpness, 0);
  const Forms forms(x, shape, base);
  const predict::RotaryField& rotary = *forms.tables.rotary;
  const TokenAttention* form = forms.actual.get();
  const MatrixXd query = form->backward(MatrixXd::Ones(length, length)).query;
  // Σ_jj' of the averages' products X and the keys' R, both centred by the rows' means.
  const auto bracket = [&](Index i, Index h) {
    const double keys_i = static_cast<double>(i + 1), keys_h = static_cast<double>(h + 1);
    double both = 0, of_x = 0, of_r = 0, crossed = 0;
    const auto rotated = [&](Index j, Index l) { return x(j, l) * rotary.at(std::abs(j - l - i + h)); };
    VectorXd x_of_i = VectorXd::Zero(length), x_of_h = x_of_i, r_of_i = x_of_i, r_of_h = x_of_i;
    for (Index j = 0; j <= i; ++j) {
      for (Index l = 0; l <= h; ++l) {
        both += x(j, l) * rotated(j, l) / (keys_i * keys_h);
        x_of_h[j] += x(j, l) / keys_h;
        r_of_h[j] += rotated(j, l) / keys_h;
        x_of_i[l] += x(j, l) / keys_i;
        r_of_i[l] += rotated(j, l) / keys_i;
      }
    }
    for (Index j = 0; j <= i; ++j) crossed += x_of_h[j] * r_of_h[j] / keys_i;
    for (Index l = 0; l <= h; ++l) crossed += x_of_i[l] * r_of_i[l] / keys_h;
    of_x = x_of_h.head(i + 1).mean();
    of_r = r_of_h.head(i + 1).mean();
    return both - crossed + of_x * of_r;
  };
  const double gain = form->scores().key_gain() * form->scores().value_gain();
  for (Index i = 1; i < length; ++i) {
    const double spread = form->scores().spread[i] * static_cast<double>(i) / static_cast<double>(i + 1);
    const double leak = rotary.mean(i + 1, 0) * spread * spread / width;
    CHECK(query(i, i) / gain == Approx(bracket(i, i) + leak).epsilon(1e-3));
    for (const Index h : {i / 3, i - 1}) {
      if (h == 0) continue;
      const double other = form->scores().spread[h] * static_cast<double>(h) / static_cast<double>(h + 1);
      const double expected = bracket(i, h) + rotary.mean(h + 1, i - h) * spread * other / width;
      CHECK(query(i, h) / gain == Approx(expected).epsilon(0.05).margin(0.02 * query(h, h) / gain));
    }
  }
}

TEST_CASE("the two forms part where early tokens stand apart") {
  const Forms forms(grown(), shape_of(3, 0));
  CHECK(distance(forms.actual->backward(random_gradient()).value, forms.means->backward(random_gradient()).value) >
        0.02);
}

double least_eigenvalue(const MatrixXd& m) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(m, Eigen::EigenvaluesOnly);
  return solver.eigenvalues().minCoeff() / solver.eigenvalues().maxCoeff();
}

TEST_CASE("products of tokens and of gradients are those of vectors: no eigenvalue lies below 0", "[bulk]") {
  for (const double sharpness : {0.3, 4.0}) {
    const Forms forms(grown(), shape_of(sharpness, 0.1));
    for (const TokenAttention* form : {forms.means.get(), forms.actual.get()}) {
      INFO("sharpness " << sharpness << (form == forms.means.get() ? ", means" : ", actual"));
      const predict::CausalGradient back = form->backward(random_gradient());
      const double rounding = -1e-9;
      CHECK(least_eigenvalue(form->mixed()) >= rounding);
      CHECK(least_eigenvalue(back.value) >= rounding);
      CHECK(least_eigenvalue(back.query) >= rounding);
      CHECK(least_eigenvalue(back.key) >= rounding);
    }
  }
}

}  // namespace
