// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <cstdint>

#include "oracle/sample.hpp"
#include "support/replicates.hpp"

/// Dropout and activations as they are computed, element by element.
namespace sigprop::test {

/// Means over the elements and token pairs of each replicate.
struct ElementwiseMoments {
  Replicates mean, second_moment, token_product, gradient_variance, gradient_product;

  void add(const Matrix<double>& y, const Matrix<double>& gradient) {
    mean.add(y.mean());
    second_moment.add(test::second_moment(y));
    token_product.add(test::token_product(y));
    gradient_variance.add(test::second_moment(gradient));
    gradient_product.add(test::token_product(gradient));
  }
};

constexpr int elementwise_replicates = 400;
constexpr Eigen::Index elementwise_length = 32, elementwise_width = 64;

struct SimulatedRelu {
  [[nodiscard]] static double value(double x) { return x > 0 ? x : 0; }
  [[nodiscard]] static double slope(double x) { return x > 0 ? 1 : 0; }
};

struct SimulatedGelu {
  [[nodiscard]] static double below(double x) { return 0.5 * std::erfc(-x * std::sqrt(0.5)); }
  [[nodiscard]] static double value(double x) { return x * below(x); }
  [[nodiscard]] static double slope(double x) {
    return below(x) + x * std::exp(-x * x / 2) / std::sqrt(2 * 3.14159265358979323846);
  }
};

struct SimulatedSilu {
  [[nodiscard]] static double value(double x) { return x / (1 + std::exp(-x)); }
  [[nodiscard]] static double slope(double x) {
    return (1 + std::exp(-x) + x * std::exp(-x)) / std::pow(1 + std::exp(-x), 2);
  }
};

template <class Activation>
[[nodiscard]] ElementwiseMoments simulate_activation(std::uint64_t seed, const Normal& signal, const Normal& gradient,
                                                     const Activation& phi) {
  Random random(seed);
  ElementwiseMoments moments;
  for (int replicate = 0; replicate < elementwise_replicates; ++replicate) {
    const auto x = normal_sequence<double>(random, elementwise_length, elementwise_width, signal);
    const auto g = normal_sequence<double>(random, elementwise_length, elementwise_width, gradient);
    const Matrix<double> y = x.unaryExpr([&](double value) { return phi.value(value); });
    const Matrix<double> slope = x.unaryExpr([&](double value) { return phi.slope(value); });
    moments.add(y, g.cwiseProduct(slope));
  }
  return moments;
}

[[nodiscard]] inline ElementwiseMoments simulate_dropout(std::uint64_t seed, const Normal& signal,
                                                         const Normal& gradient, double p) {
  Random random(seed);
  ElementwiseMoments moments;
  for (int replicate = 0; replicate < elementwise_replicates; ++replicate) {
    const auto x = normal_sequence<double>(random, elementwise_length, elementwise_width, signal);
    const auto g = normal_sequence<double>(random, elementwise_length, elementwise_width, gradient);
    const auto mask = dropout_mask<double>(random, elementwise_length, elementwise_width, p);
    moments.add(x.cwiseProduct(mask), g.cwiseProduct(mask));
  }
  return moments;
}

}  // namespace sigprop::test
