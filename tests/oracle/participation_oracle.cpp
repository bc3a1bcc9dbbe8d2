// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/participation.hpp"

#include <catch2/catch.hpp>

#include "oracle/expect.hpp"
#include "oracle/simulated_blocks.hpp"
#include "oracle/simulated_clouds.hpp"
#include "sigprop/formula/relu.hpp"

namespace sigprop::test {
namespace {

using formula::Anisotropy;
using formula::Moments;

constexpr Eigen::Index width = 128, hidden_width = 256, tokens = 512;
constexpr double features = width, hidden_features = hidden_width;
constexpr double stated_error = 0.03;  // Status of the formula
constexpr int replicates = 100;

/// Tokens of variance 1.
Cloud cloud_of(double common) {
  return {width, common, 1 - common, 0.93};
}

Anisotropy<double> source(double common = 0.5) {
  return {cloud_of(common).participation(), 1};
}

/// Participation behind what map(random, x) makes of the tokens x.
template <class Map>
Replicates simulate_cloud(std::uint64_t seed, const Map& map, double common = 0.5) {
  Random random(seed);
  Replicates measured;
  for (int replicate = 0; replicate < replicates; ++replicate) {
    const Matrix<double> x = draw_tokens(random, tokens, cloud_of(common));
    const Matrix<double> y = map(random, x);
    measured.add(participation_of(y));
  }
  return measured;
}

/// relu(W_1 x)
Matrix<double> hidden(Random& random, const Matrix<double>& x) {
  return mapped(random, x, hidden_width).cwiseMax(0);
}

/// W_2 relu(W_1 x)
Matrix<double> two_layers(Random& random, const Matrix<double>& x) {
  return mapped(random, hidden(random, x), width);
}

Matrix<double> two_of_four_experts(Random& random, const Matrix<double>& x) {
  const auto takes = draw_choices(random, tokens, 4, 2);
  Matrix<double> y = Matrix<double>::Zero(tokens, width);
  for (std::size_t expert = 0; expert < 4; ++expert) {
    const Matrix<double> f = mapped(random, x, width);
    for (Eigen::Index i = 0; i < tokens; ++i) {
      if (takes[static_cast<std::size_t>(i)][expert]) y.row(i) += f.row(i) / 2;
    }
  }
  return y;
}

/// A branch by formula: its moments and its cloud.
struct Branch {
  Moments<double> moments;
  Anisotropy<double> cloud;

  [[nodiscard]] double centred() const { return formula::centred_variance(moments); }
};

Branch hidden_by_formula(double common = 0.5) {
  const Moments<double> x{0, 1, common, 0}, y = formula::relu_forward(x);
  const double kept = formula::relu_backward<double>({1, 1, 1}, x).covariance;
  const double share = kept * formula::centred_variance(x) / formula::centred_variance(y);
  const auto before = formula::linear_anisotropy(source(common), hidden_features);
  return {y, formula::featurewise_anisotropy(before, share, hidden_features)};
}

Branch two_layers_by_formula() {
  const Branch f = hidden_by_formula();
  return {formula::linear_forward(f.moments, hidden_features, 1 / hidden_features, 0.0),
          formula::linear_anisotropy(f.cloud, features)};
}

const Moments<double> signal{0, 1, 0.5, 0};

TEST_CASE("the cloud behind a random linear map against its simulation") {
  const auto measured =
      simulate_cloud(231, [](Random& random, const Matrix<double>& x) { return mapped(random, x, width); });
  expect("participation", formula::linear_anisotropy(source(), features).participation, measured, stated_error);
  reject("the map as a rotation", source().participation, measured, stated_error);
  reject("an isotropic cloud", 1 / features, measured, stated_error);
}

TEST_CASE("the cloud behind relu against its simulation") {
  for (const double common : {0.0, 0.5}) {
    INFO("of the variance common to all tokens: " << common);
    const auto measured = simulate_cloud(232, hidden, common);
    const double predicted = hidden_by_formula(common).cloud.participation;
    // Status: what tokens have in common makes the features' variances unequal, which adds at most
    // 1/n.
    const double error = stated_error + (common > 0 ? 1 / hidden_features / predicted : 0);
    expect("participation", predicted, measured, error);
    const double linear = formula::linear_anisotropy(source(common), hidden_features).participation;
    reject("relu as a linear map", linear, measured, error);
    reject("an isotropic cloud", 1 / hidden_features, measured, error);
  }
}

TEST_CASE("the cloud of a residual sum against its simulation") {
  constexpr double skip = 0.8, scale = 0.7;
  const auto measured = simulate_cloud(233, [&](Random& random, const Matrix<double>& x) -> Matrix<double> {
    return skip * x + scale * two_layers(random, x);
  });
  const Branch f = two_layers_by_formula();
  const auto by_formula = [&](const Anisotropy<double>& branch) {
    return formula::residual_anisotropy(source(), skip * skip * formula::centred_variance(signal), branch,
                                        scale * scale * f.centred(), features)
        .participation;
  };
  expect("participation", by_formula(f.cloud), measured, stated_error);
  reject("without the cross-covariance of skip and branch", by_formula({f.cloud.participation, 0}), measured,
         stated_error);
  reject("a branch that is linear throughout", by_formula({f.cloud.participation, 1}), measured, stated_error);
}

TEST_CASE("the cloud of two lists side by side against its simulation") {
  const auto measured = simulate_cloud(234, [](Random& random, const Matrix<double>& x) -> Matrix<double> {
    return two_layers(random, x) + 0.5 * mapped(random, x, width);
  });
  const Branch f = two_layers_by_formula();
  const Anisotropy<double> linear = formula::linear_anisotropy(source(), features);
  const double variance = 0.25 * formula::centred_variance(signal);
  const auto sum = formula::parallel_anisotropy(source(), f.cloud, f.centred(), linear, variance, features);
  expect("participation", sum.participation, measured, stated_error);
  const auto apart =
      formula::parallel_anisotropy(source(), f.cloud, f.centred(), {linear.participation, 0}, variance, features);
  reject("lists that read signals of their own", apart.participation, measured, stated_error);
}

TEST_CASE("the cloud of experts, and of a residual sum around them, against its simulation") {
  const auto measured = simulate_cloud(235, two_of_four_experts);
  const auto around = simulate_cloud(236, [](Random& random, const Matrix<double>& x) -> Matrix<double> {
    return x + two_of_four_experts(random, x);
  });
  const Anisotropy<double> one = formula::linear_anisotropy(source(), features);
  const double variance = formula::centred_variance(formula::experts_forward(signal, 4.0, 2.0));
  const auto y = formula::experts_anisotropy(source(), one, signal, features, 4.0, 2.0);
  const auto sum = [&](const Anisotropy<double>& branch) {
    return formula::residual_anisotropy(source(), formula::centred_variance(signal), branch, variance, features)
        .participation;
  };
  expect("participation", y.participation, measured, stated_error);
  expect("participation of the sum", sum(y), around, stated_error);
  const double apart = 1 / features + (one.participation - 1 / features) / 4;
  reject("experts that share nothing, and equal tokens", apart, measured, stated_error);
  reject("without the cross-covariance of skip and experts", sum({y.participation, 0}), around, stated_error);
}

constexpr Eigen::Index heads = 4, head_width = 32, keys = 512;
const double key_common = 0.3;

/// Outputs of four heads over keys of a sequence of their own.
Matrix<double> four_heads(Random& random, const Matrix<double>& rows) {
  const Matrix<double> memory = draw_tokens(random, keys, cloud_of(key_common));
  Matrix<double> z(rows.rows(), width);
  for (Eigen::Index head = 0; head < heads; ++head) {
    const Matrix<double> q = mapped(random, rows, head_width), k = mapped(random, memory, head_width);
    const auto a = softmax_rows<double>(q * k.transpose() / std::sqrt(static_cast<double>(head_width)));
    z.middleCols(head * head_width, head_width) = a * mapped(random, memory, head_width);
  }
  return z;
}

Anisotropy<double> four_heads_by_formula() {
  const Moments<double> memory{0, 1, key_common, 0};
  const double weight = 1 / features, length = keys, k = head_width;
  formula::AttentionShape<double> shape{length, features, heads, k, weight, weight, weight, 0, 0, 1};
  shape.participation = cloud_of(key_common).participation();
  const auto scores = formula::attention_scores(signal, memory, shape);
  const formula::SoftmaxMeans<double> softmax{
      formula::softmax_row_means(scores.variance, length, k),
      formula::softmax_pair_means(scores.variance, scores.correlation, length, length, k)};
  return formula::attention_anisotropy(signal, source(), memory, shape, softmax);
}

TEST_CASE("the cloud at the heads' outputs against its simulation") {
  constexpr double of_heads = 0.25;  // Status, for scores of variance at most 0.7
  const auto measured = simulate_cloud(237, four_heads);
  expect("participation", four_heads_by_formula().participation, measured, of_heads);
  reject("an isotropic cloud", 1 / features, measured, of_heads);
  reject("heads that do not read the same rows", four_heads_by_formula().participation - source().participation,
         measured, of_heads);
}

}  // namespace
}  // namespace sigprop::test
