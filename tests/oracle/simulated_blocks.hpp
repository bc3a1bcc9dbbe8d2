// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "oracle/simulated_attention.hpp"
#include "oracle/simulated_elementwise.hpp"

/// Gates, experts and the scores of heads as they are computed.
namespace sigprop::test {

/// y = φ(a) ∘ b of two independent normal signals, and the gradients at φ(a) and at b.
struct GatedMoments {
  Replicates second_moment, token_product, gate_variance, gate_product, value_variance, value_product;
};

template <class Activation>
[[nodiscard]] GatedMoments simulate_gated(std::uint64_t seed, const Normal& gate, const Normal& value,
                                          const Normal& gradient, const Activation& phi) {
  Random random(seed);
  GatedMoments moments;
  const auto draw = [&](const Normal& law) {
    return normal_sequence<double>(random, elementwise_length, elementwise_width, law);
  };
  for (int replicate = 0; replicate < elementwise_replicates; ++replicate) {
    const Matrix<double> open = draw(gate).unaryExpr([&](double x) { return phi.value(x); });
    const Matrix<double> b = draw(value), g = draw(gradient);
    const Matrix<double> y = open.cwiseProduct(b), at_open = g.cwiseProduct(b), at_b = g.cwiseProduct(open);
    moments.second_moment.add(second_moment(y));
    moments.token_product.add(token_product(y));
    moments.gate_variance.add(second_moment(at_open));
    moments.gate_product.add(token_product(at_open));
    moments.value_variance.add(second_moment(at_b));
    moments.value_product.add(token_product(at_b));
  }
  return moments;
}

/// For every token, which of `count` experts it takes: `chosen` of them, all alike.
[[nodiscard]] inline std::vector<std::vector<bool>> draw_choices(Random& random, Eigen::Index tokens, std::size_t count,
                                                                 std::size_t chosen) {
  std::vector<std::vector<bool>> out;
  for (Eigen::Index token = 0; token < tokens; ++token) {
    std::vector<bool> takes(count, false);
    for (std::size_t taken = 0; taken < chosen;) {
      const auto expert = static_cast<std::size_t>(random.uniform() * static_cast<double>(count));
      if (takes[expert]) continue;
      takes[expert] = true;
      ++taken;
    }
    out.push_back(std::move(takes));
  }
  return out;
}

/// y: the mean of the outputs of the experts that a token takes, independent but for their mean.
/// at_experts: sums over all experts of the moments of the gradient at their outputs.
struct ExpertsMoments {
  Replicates second_moment, token_product, gradient_variance, gradient_product;
};

[[nodiscard]] inline ExpertsMoments simulate_experts(std::uint64_t seed, const Normal& output, const Normal& gradient,
                                                     std::size_t count, std::size_t chosen) {
  Random random(seed);
  ExpertsMoments moments;
  for (int replicate = 0; replicate < elementwise_replicates; ++replicate) {
    const auto takes = draw_choices(random, elementwise_length, count, chosen);
    const auto g = normal_sequence<double>(random, elementwise_length, elementwise_width, gradient);
    Matrix<double> y = Matrix<double>::Zero(elementwise_length, elementwise_width);
    double variance = 0, product = 0;
    for (std::size_t expert = 0; expert < count; ++expert) {
      const auto f = normal_sequence<double>(random, elementwise_length, elementwise_width, output);
      Matrix<double> at_f = Matrix<double>::Zero(elementwise_length, elementwise_width);
      for (Eigen::Index i = 0; i < elementwise_length; ++i) {
        if (!takes[static_cast<std::size_t>(i)][expert]) continue;
        y.row(i) += f.row(i) / static_cast<double>(chosen);
        at_f.row(i) = g.row(i) / static_cast<double>(chosen);
      }
      variance += test::second_moment(at_f);
      product += test::token_product(at_f);
    }
    moments.second_moment.add(test::second_moment(y));
    moments.token_product.add(test::token_product(y));
    moments.gradient_variance.add(variance);
    moments.gradient_product.add(product);
  }
  return moments;
}

/// Experts behind a router of x; the gradient at a logit is one expert's, the router's that at x
/// through its weights alone.
struct RoutedMoments {
  Replicates second_moment, token_product, gradient_variance, gradient_product, logit_variance, logit_product,
      router_variance, router_product, router_weight;
};

/// A row of weights: the softmax over the `chosen` largest logits.
[[nodiscard]] inline std::vector<double> routed_weights(const std::vector<double>& logits, std::size_t chosen) {
  std::vector<std::size_t> order(logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  std::vector<double> weights(logits.size(), 0);
  double sum = 0;
  for (std::size_t place = 0; place < chosen; ++place)
    sum += weights[order[place]] = std::exp(logits[order[place]] - logits[order[0]]);
  for (double& weight : weights) weight /= sum;
  return weights;
}

/// x has features of its own, `width` of them, and tokens of the length √(width · variance).
[[nodiscard]] inline RoutedMoments simulate_routed(std::uint64_t seed, const Normal& x, const Normal& output,
                                                   const Normal& gradient, std::size_t count, std::size_t chosen,
                                                   double router_std, Eigen::Index width) {
  using Eigen::Index;
  const auto experts = static_cast<Index>(count);
  Random random(seed);
  RoutedMoments moments;
  for (int replicate = 0; replicate < elementwise_replicates; ++replicate) {
    Matrix<double> tokens = normal_sequence<double>(random, elementwise_length, width, x);
    const double size = std::sqrt(static_cast<double>(width) * x.variance);
    for (Index i = 0; i < elementwise_length; ++i) tokens.row(i) *= size / tokens.row(i).norm();
    const Matrix<double> router = gaussian<double>(random, experts, width, router_std);
    const Matrix<double> logits = tokens * router.transpose();
    Matrix<double> weights(elementwise_length, experts);
    for (Index i = 0; i < elementwise_length; ++i) {
      std::vector<double> row(count);
      for (Index e = 0; e < experts; ++e) row[static_cast<std::size_t>(e)] = logits(i, e);
      const std::vector<double> of_row = routed_weights(row, chosen);
      for (Index e = 0; e < experts; ++e) weights(i, e) = of_row[static_cast<std::size_t>(e)];
    }
    const auto g = normal_sequence<double>(random, elementwise_length, elementwise_width, gradient);
    Matrix<double> y = Matrix<double>::Zero(elementwise_length, elementwise_width);
    Matrix<double> at_weights(elementwise_length, experts);
    double variance = 0, product = 0;
    for (Index e = 0; e < experts; ++e) {
      const auto f = normal_sequence<double>(random, elementwise_length, elementwise_width, output);
      y += weights.col(e).asDiagonal() * f;
      const Matrix<double> at_f = weights.col(e).asDiagonal() * g;
      at_weights.col(e) = g.cwiseProduct(f).rowwise().sum();
      variance += test::second_moment(at_f);
      product += test::token_product(at_f);
    }
    const Eigen::VectorXd mean = weights.cwiseProduct(at_weights).rowwise().sum();
    const Matrix<double> at_logits = weights.cwiseProduct(Matrix<double>(at_weights.colwise() - mean));
    const Matrix<double> at_x = at_logits * router;
    moments.second_moment.add(test::second_moment(y));
    moments.token_product.add(test::token_product(y));
    moments.gradient_variance.add(variance);
    moments.gradient_product.add(product);
    moments.logit_variance.add(test::second_moment(at_logits));
    moments.logit_product.add(test::token_product(at_logits));
    moments.router_variance.add(test::second_moment(at_x));
    moments.router_product.add(test::token_product(at_x));
    moments.router_weight.add(Matrix<double>(at_logits.transpose() * tokens).squaredNorm());
  }
  return moments;
}

/// What is done to the queries and keys of a head before their products are taken.
struct HeadSteps {
  bool normalized = false;
  double rotary_base = 0;  ///< 0 for none
  Eigen::Index rotated = 0;
};

[[nodiscard]] inline Matrix<double> prepared(Matrix<double> x, const HeadSteps& steps) {
  const double root = std::sqrt(static_cast<double>(x.cols()));
  if (steps.normalized) {
    for (Eigen::Index i = 0; i < x.rows(); ++i) x.row(i) *= root / x.row(i).norm();
  }
  const Eigen::Index half = steps.rotated / 2;
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    for (Eigen::Index f = 0; f < half; ++f) {
      const double angle = static_cast<double>(i) * std::pow(steps.rotary_base, -2.0 * static_cast<double>(f) /
                                                                                    static_cast<double>(steps.rotated));
      const double a = x(i, f), b = x(i, f + half);
      x(i, f) = a * std::cos(angle) - b * std::sin(angle);
      x(i, f + half) = a * std::sin(angle) + b * std::cos(angle);
    }
  }
  return x;
}

/// Scores centred along their rows: variance and the covariance of two rows, unbiased; the
/// softmax's Σ A² and Σ A A'.
struct ScoresMoments {
  Replicates variance, covariance, squares, overlap;
};

/// Heads of random weights of variance 1/width over signals of their own for rows and keys.
[[nodiscard]] inline ScoresMoments simulate_scores(std::uint64_t seed, int replicates, const Normal& rows,
                                                   const Normal& keys, Eigen::Index length, Eigen::Index head_width,
                                                   double scale, const HeadSteps& steps) {
  constexpr Eigen::Index width = 96;
  Random random(seed);
  ScoresMoments moments;
  for (int replicate = 0; replicate < replicates; ++replicate) {
    const auto projected = [&](const Normal& law) {
      const auto x = normal_sequence<double>(random, length, width, law);
      return prepared(x * gaussian<double>(random, width, head_width, 1 / std::sqrt(static_cast<double>(width))),
                      steps);
    };
    const Matrix<double> q = projected(rows), k = projected(keys);
    const Matrix<double> scores = q * k.transpose() * scale, a = softmax_rows<double>(scores);
    Matrix<double> centred = scores.colwise() - scores.rowwise().mean().eval();
    const double freedom = static_cast<double>(length) / static_cast<double>(length - 1);
    moments.variance.add(second_moment(centred) * freedom);
    moments.covariance.add(token_product(centred) * freedom);
    moments.squares.add(second_moment(a) * static_cast<double>(length));
    moments.overlap.add(token_product(a) * static_cast<double>(length));
  }
  return moments;
}

}  // namespace sigprop::test
