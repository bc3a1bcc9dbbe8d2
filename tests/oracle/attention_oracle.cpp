// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <catch2/catch.hpp>
#include <cstdio>

#include "oracle/expect.hpp"
#include "oracle/simulated_attention.hpp"
#include "sigprop/formula/attention_paper.hpp"

namespace sigprop::test {
namespace {

using formula::attention_backward;
using formula::attention_forward;
using formula::AttentionShape;
using formula::Gradient;
using formula::Moments;
using formula::SoftmaxMeans;

constexpr double length = 256, width = 512, head_width = 64, dropout = 0.1;
constexpr int replicates = 160;
constexpr std::array score_variances{0.1, 0.8, 3.0, 12.8, 16.0};

/// One of the 8 heads of the block: given the input, the heads are independent and their moments
/// add up, so that the formulas are read at H = 1.
AttentionShape<double> head_shape(double r, double v) {
  const double w = std::sqrt(v / (width * width * (1 - r)));  // v = d² w_q w_k q (q - c) at q = 1, c = r
  return {length, width, 1, head_width, w, w, 1 / width, 0, dropout, 1};
}

SoftmaxMeans<double> functionals(const Moments<double>& x, const AttentionShape<double>& shape) {
  const auto scores = formula::attention_scores(x, shape);
  return {
      formula::softmax_row_means(scores.variance, shape.length, shape.head_width),
      formula::softmax_pair_means(scores.variance, scores.correlation, shape.length, shape.length, shape.head_width)};
}

/// The compared quantities, in the order of `names`.
constexpr std::size_t quantities = 13;
constexpr std::array<const char*, quantities> names{"z var",  "z dot",  "dV var", "dV dot", "dQ var",
                                                    "dQ dot", "dK var", "dK dot", "dX var", "dX dot",
                                                    "W_v",    "W_q",    "W_k"};
/// Model errors. The forward variance and the input gradient as their formulas state them, the rest
/// 5 %.
constexpr std::array<double, quantities> model_errors{0.02, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05,
                                                      0.05, 0.05, 0.05, 0.05, 0.05, 0.05};

std::array<double, quantities> predict(double r, double r_g, double v) {
  const Moments<double> x{0, 1, r, 0};
  const auto shape = head_shape(r, v);
  const auto softmax = functionals(x, shape);
  const auto z = attention_forward(x, shape, softmax);
  const auto g = attention_backward<double>({1, r_g, 0}, x, shape, softmax, 1);
  return {z.variance,         z.covariance,   g.value.variance, g.value.covariance, g.query.variance,
          g.query.covariance, g.key.variance, g.key.covariance, g.input().variance, g.input().covariance,
          g.value_weight,     g.query_weight, g.key_weight};
}

std::array<double, quantities> measure(const Matrix<float>& x, const HeadPass<float>& pass) {
  const auto norms = weight_norms<float>({x}, {pass});
  return {second_moment(pass.output),
          token_product(pass.output),
          second_moment(pass.value),
          token_product(pass.value),
          second_moment(pass.query),
          token_product(pass.query),
          second_moment(pass.key),
          token_product(pass.key),
          second_moment(pass.input),
          token_product(pass.input),
          norms.value,
          norms.query,
          norms.key};
}

using Table = std::array<std::array<Replicates, quantities>, score_variances.size()>;

/// R replicates of one (r, r_g) at every score variance: the draws are shared by the score
/// variances, never by replicates.
Table simulate(double r, double r_g, std::uint64_t seed) {
  Random random(seed);
  Table table;
  const auto L = static_cast<Eigen::Index>(length), d = static_cast<Eigen::Index>(width),
             k = static_cast<Eigen::Index>(head_width);
  for (int replicate = 0; replicate < replicates; ++replicate) {
    const auto x = normal_sequence<float>(random, L, d, {.correlation = r});
    const auto g = normal_sequence<float>(random, L, k, {.correlation = r_g});
    const auto unit = draw_head<float>(random, d, k);
    const auto mask = dropout_mask<float>(random, L, L, dropout);
    for (std::size_t n = 0; n < score_variances.size(); ++n) {
      const auto shape = head_shape(r, score_variances[n]);
      const auto weights = scaled_head(unit, shape.query_weight, shape.key_weight, shape.value_weight);
      const auto numbers = measure(x, simulate_head(x, weights, mask, g));
      for (std::size_t m = 0; m < quantities; ++m) table[n][m].add(numbers[m]);
    }
  }
  return table;
}

void print(double r, double r_g, double v, const std::array<Comparison, quantities>& row) {
  std::printf("r %.1f r_g %.1f v %4.1f |", r, r_g, v);
  for (std::size_t m = 0; m < quantities; ++m) {
    const bool nothing = row[m].predicted == 0;
    std::printf(" %s %.3f(%.3f)", names[m], nothing ? row[m].measured : row[m].ratio(),
                row[m].standard_error / (nothing ? 1 : std::abs(row[m].measured)));
  }
  std::printf("\n");
}

void check_setting(double r, double r_g, std::uint64_t seed) {
  const Table table = simulate(r, r_g, seed);
  for (std::size_t n = 0; n < score_variances.size(); ++n) {
    const double v = score_variances[n];
    const auto predicted = predict(r, r_g, v);
    std::array<Comparison, quantities> row;
    INFO("r " << r << ", r_g " << r_g << ", v " << v);
    for (std::size_t m = 0; m < quantities; ++m) row[m] = expect(names[m], predicted[m], table[n][m], model_errors[m]);
    print(r, r_g, v, row);
    const auto shape = head_shape(r, v);
    const auto paper = formula::attention_paper_backward<double>({1, r_g, 0}, shape);
    if (r_g == 0 && v > 0.5) reject("the value path alone", paper.variance, table[n][8], model_errors[8]);
    const auto forward = formula::attention_paper_forward<double>({0, 1, r, 0}, shape);
    if (v > 10) reject("the published forward variance", forward.variance, table[n][0], model_errors[0]);
  }
}

TEST_CASE("one attention head with correlated tokens and an uncorrelated gradient") {
  check_setting(0.2, 0.0, 1);
}

TEST_CASE("one attention head with correlated tokens and a correlated gradient") {
  check_setting(0.2, 0.5, 2);
}

TEST_CASE("one attention head with uncorrelated tokens") {
  check_setting(0.0, 0.0, 3);
}

}  // namespace
}  // namespace sigprop::test
