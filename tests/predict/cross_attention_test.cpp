// SPDX-License-Identifier: Apache-2.0
// Rows that differ over an encoder's tokens, against the formulas where all rows are alike.
#include "predict/tokens/cross_attention.hpp"

#include <catch2/catch.hpp>

#include "sigprop/predict/predict.hpp"
#include "support/domain_message.hpp"
#include "support/values.hpp"

namespace sigprop::test {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using formula::AttentionShape;
using formula::Gradient;
using formula::Moments;
using predict::CrossAttention;
using predict::TokenPairs;

constexpr Index length = 12;
constexpr double batch = 3;
const predict::TokenGroups groups = predict::TokenGroups::single(length);
const Moments<double> rows{0, 1.3, 0.4, 0.1}, memory{0.2, 0.9, 0.3, 0.15};
const Gradient<double> at_heads{1.5, 0.3, 0.2};

AttentionShape<double> plain() {
  return {length, 64, 4, 16, 0.02, 0.015, 0.01, 0, 0, 1};
}

predict::SoftmaxTable<double> table_of(const AttentionShape<double>& shape) {
  return {shape.length, {shape.head_width, shape.normalized}};
}

/// A matrix over pairs of tokens, one number on its diagonal and one beside it.
MatrixXd pairs(double own, double other) {
  MatrixXd out = MatrixXd::Constant(length, length, other);
  out.diagonal().setConstant(own);
  return out;
}

/// Those of a batch of one, and those with pairs of two sequences.
predict::TokenPairs alone(const MatrixXd& within) {
  return {&groups, within, {}};
}
predict::TokenPairs batched(const MatrixXd& within, const MatrixXd& across) {
  return {&groups, within, across};
}

/// The tables read ρ between nodes: the limit is their interpolation, and 0 in place of it.
void close(const char* what, double actual, double expected) {
  INFO(what << ": " << actual << ", by the formulas " << expected);
  CHECK(std::abs(actual - expected) <= 1e-8 * std::abs(expected) + 1e-14);
}

void close(const char* what, const MatrixXd& actual, double own, double other) {
  INFO(what << ": " << actual(3, 3) << " " << actual(3, 5) << ", by the formulas " << own << " " << other);
  CHECK((actual - pairs(own, other)).cwiseAbs().maxCoeff() <= 1e-8 * std::abs(own) + 1e-14);
}

TokenPairs output_of(const CrossAttention& attended, const AttentionShape<double>& shape) {
  return formula::attention_forward(attended.rows, memory, shape).covariance;
}

void check_alike(const AttentionShape<double>& shape) {
  auto table = table_of(shape);
  const CrossAttention attended = predict::cross_attention(
      batched(pairs(rows.second_moment(), rows.token_dot()), pairs(rows.cross_dot(), rows.cross_dot())), memory, shape,
      table);
  const auto scores = formula::attention_scores(rows, memory, shape);
  const auto softmax = table(scores.variance, scores.correlation);
  close("score variance", attended.score_variance, scores.variance);
  close("entropy", attended.entropy, softmax.row.entropy);
  const auto z = formula::attention_forward(rows, memory, shape, softmax);
  const TokenPairs output = output_of(attended, shape);
  close("output", output.within, z.second_moment(), z.token_dot());
  close("output across sequences", output.across, z.cross_dot(), z.cross_dot());

  const auto back = formula::attention_backward(batched(pairs(at_heads.variance, at_heads.covariance),
                                                        pairs(at_heads.cross_covariance, at_heads.cross_covariance)),
                                                attended.rows, memory, shape, batch);
  const auto expected = formula::attention_backward(at_heads, rows, memory, shape, softmax, batch);
  close("query", back.query.within, expected.query.variance, expected.query.covariance);
  close("query across sequences", back.query.across, expected.query.cross_covariance, expected.query.cross_covariance);
  close("memory", back.keys.variance, expected.keys.variance);
  close("memory, token product", back.keys.covariance, expected.keys.covariance);
  close("memory across sequences", back.keys.cross_covariance, expected.keys.cross_covariance);
  close("W_q", back.query_weight, expected.query_weight);
  close("W_k", back.key_weight, expected.key_weight);
  close("W_v", back.value_weight, expected.value_weight);
}

TEST_CASE("cross-attention of rows that are alike is that of the formulas") {
  check_alike(plain());
}

TEST_CASE("cross-attention of rows that are alike is that of the formulas, with dropout, biases and sharp scores",
          "[bulk]") {
  auto shape = plain();
  shape.dropout = 0.2;
  check_alike(shape);
  shape.bias_variance = 0.3;
  check_alike(shape);
  shape.score_gain = 16;
  check_alike(shape);
}

TEST_CASE("cross-attention of rows that are alike is that of the formulas, with norms of queries and keys") {
  auto shape = plain();
  shape.normalized = true;
  check_alike(shape);
  shape.bias_variance = 0.3;
  shape.dropout = 0.1;
  check_alike(shape);
}

TEST_CASE("cross-attention of rows that are alike is that of the formulas, with rotary positions") {
  auto shape = plain();
  shape.rotated = formula::rotary_means(shape.length, shape.head_width, 8.0, 10000.0);
  check_alike(shape);
  shape.normalized = true;
  shape.dropout = 0.1;
  check_alike(shape);
}

TEST_CASE("over keys of a cloud that fills few directions, rows that are alike are those of attention by formula") {
  auto shape = plain();
  shape.participation = 0.2;
  check_alike(shape);
  shape.rotated = formula::rotary_means(shape.length, shape.head_width, 8.0, 10000.0);
  check_alike(shape);
}

TEST_CASE("a row's own output and query gradient depend on no other row") {
  const auto shape = plain();
  auto table = table_of(shape);
  MatrixXd products = pairs(1, 0.2);
  products(2, 2) = 2.5;
  const auto back_of = [&](const MatrixXd& x) {
    const CrossAttention attended = predict::cross_attention(alone(x), memory, shape, table);
    const auto back = formula::attention_backward(alone(pairs(1, 0.1)), attended.rows, memory, shape, 1.0);
    return std::array{output_of(attended, shape).within(2, 2), back.query.within(2, 2)};
  };
  const MatrixXd all_alike = pairs(2.5, 0.2);
  check_close(back_of(products), back_of(all_alike), 1e-12);
  CHECK(back_of(products)[1] != Approx(back_of(pairs(1, 0.2))[1]).epsilon(0.01));
}

TEST_CASE("rows that differ by rounding take the curves, rows that differ by more the table, to the same end") {
  const auto shape = plain();
  auto table = table_of(shape);
  MatrixXd products = pairs(1, 0.2);
  const CrossAttention by_curve = predict::cross_attention(alone(products), memory, shape, table);
  products(0, 0) += 1e-10;
  const CrossAttention by_table = predict::cross_attention(alone(products), memory, shape, table);
  CHECK((output_of(by_curve, shape).within - output_of(by_table, shape).within).cwiseAbs().maxCoeff() < 1e-8);
}

TEST_CASE("a batch of one has no part across sequences") {
  const auto shape = plain();
  auto table = table_of(shape);
  const CrossAttention attended = predict::cross_attention(alone(pairs(1, 0.2)), memory, shape, table);
  const auto back = formula::attention_backward(alone(pairs(1, 0.1)), attended.rows, memory, shape, 1.0);
  CHECK_FALSE(back.query.has_across());
  CHECK(back.keys.cross_covariance == 0);
}

TEST_CASE("behind a norm of queries a row's size counts in its own gradient only") {
  auto shape = plain();
  shape.normalized = true;
  shape.bias_variance = 0;
  auto table = table_of(shape);
  MatrixXd products = pairs(1, 0.2);
  products.row(2) *= 3;
  products.col(2) *= 3;
  const CrossAttention alike = predict::cross_attention(alone(pairs(1, 0.2)), memory, shape, table);
  const CrossAttention attended = predict::cross_attention(alone(products), memory, shape, table);
  CHECK((output_of(attended, shape).within - output_of(alike, shape).within).cwiseAbs().maxCoeff() < 1e-9);
  const auto gradient = alone(pairs(1, 0.1));
  const auto large = formula::attention_backward(gradient, attended.rows, memory, shape, 1.0);
  const auto small = formula::attention_backward(gradient, alike.rows, memory, shape, 1.0);
  CHECK(large.query.within(2, 2) == Approx(small.query.within(2, 2) / 9));
  CHECK(large.query.within(2, 5) == Approx(small.query.within(2, 5) / 3));
  CHECK(large.query.within(5, 5) == Approx(small.query.within(5, 5)));
}

TEST_CASE("a norm of queries and keys needs such that are not 0") {
  auto shape = plain();
  shape.normalized = true;
  auto table = table_of(shape);
  const auto message = [&] {
    return domain_message([&] { return predict::cross_attention(alone(pairs(1, 0.2)), memory, shape, table); });
  };
  shape.key_weight = 0;
  CHECK(message() == "key second moment before its norm is 0, but must be above 0");
  shape.query_weight = 0;
  CHECK(message() == "query second moment before its norm is 0, but must be above 0");
}

}  // namespace
}  // namespace sigprop::test
