// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "oracle/expect.hpp"
#include "sigprop/formula/token_size.hpp"
#include "support/random.hpp"

namespace sigprop::test {
namespace {

constexpr int replicates = 2000, draws = 50;

/// The mean squared deviation of a size from its mean, relative to it.
template <class Draw>
Replicates variance_of(double mean, const Draw& draw) {
  Replicates out;
  for (int replicate = 0; replicate < replicates; ++replicate) {
    double sum = 0;
    for (int i = 0; i < draws; ++i) {
      const double beside = draw() / mean - 1;
      sum += beside * beside;
    }
    out.add(sum / draws);
  }
  return out;
}

TEST_CASE("sizes of rows that average words of a law") {
  constexpr std::size_t vocabulary = 50, keys = 12;
  constexpr double words = 0.7, others = 0.3;  // of a token's second moment
  std::vector<double> cumulative;
  double sum = 0, two = 0, three = 0;
  for (std::size_t rank = 1; rank <= vocabulary; ++rank) cumulative.push_back(sum += 1 / static_cast<double>(rank));
  for (std::size_t rank = 1; rank <= vocabulary; ++rank) {
    const double p = 1 / (static_cast<double>(rank) * sum);
    two += p * p;
    three += p * p * p;
  }
  constexpr double n = keys;
  const double mean = (words + others) / n + words * (1 - 1 / n) * two;
  Random random(501);
  const Replicates measured = variance_of(mean, [&] {
    std::vector<double> counts(vocabulary, 0.0);
    for (std::size_t j = 0; j < keys; ++j) {
      const double u = random.uniform() * sum;
      ++counts[static_cast<std::size_t>(std::lower_bound(cumulative.begin(), cumulative.end(), u) -
                                        cumulative.begin())];
    }
    double squares = 0;
    for (const double count : counts) squares += count * count;
    return (words * squares + others * n) / (n * n);
  });
  const formula::SameWords<double> same{two, three};
  expect("words", formula::row_size_variance(words, same, n, mean), measured);
  reject("pairs that never share a token", formula::row_size_variance(words, {two, two * two}, n, mean), measured);
  reject("all of a token's second moment its word's", formula::row_size_variance(1.0, same, n, mean), measured);
}

double squared_mean(const std::vector<double>& x) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  return sum / static_cast<double>(x.size());
}

TEST_CASE("sizes behind ReLU and behind a gate of ReLU, of an input of one size") {
  constexpr std::size_t features = 40;
  constexpr double n = features, relu = 6;
  Random random(502);
  std::vector<double> y(features);
  const auto open = [&] { return std::max(0.0, random.normal()); };
  const Replicates activated = variance_of(0.5, [&] {
    for (double& value : y) value = open();
    return squared_mean(y);
  });
  expect("ReLU", formula::activation_size_variance(2 / n, relu, n), activated);
  reject("a normal signal's", 2 / n, activated);
  const Replicates gated = variance_of(0.5, [&] {
    for (double& value : y) value = open() * random.normal();
    return squared_mean(y);
  });
  expect("gate", formula::gated_size_variance(0.0, relu, n), gated);
  reject("the activation's alone", formula::activation_size_variance(2 / n, relu, n), gated);
}

TEST_CASE("sizes behind heads that share their values, all rows of equal weights") {
  constexpr std::size_t of_values = 2, head_width = 8, width = 64;
  Random random(503);
  std::vector<double> values(of_values * head_width), out(width);
  const Replicates measured = variance_of(1, [&] {
    for (double& value : values) value = random.normal();
    // Heads of one group read the same values; the projection is normal given them.
    const double size = squared_mean(values);
    for (double& value : out) value = std::sqrt(size) * random.normal();
    return squared_mean(out);
  });
  const double predicted = formula::attention_size_variance(1.0, 8.0, 2.0, 8.0, 64.0);
  constexpr double both = 0.04;  // (2/64)·(2/16) beside the sum of both
  expect("shared values", predicted, measured, both);
  reject("every head with values of its own", formula::attention_size_variance(1.0, 8.0, 8.0, 8.0, 64.0), measured,
         both);
}

TEST_CASE("the size of a sum, and the gradient through norms of it and of a part of it") {
  constexpr std::size_t width = 64;
  constexpr double a = 0.6, b = 0.4, D = width;
  Random random(504);
  std::vector<double> x(width), f(width);
  Replicates inverse, both;
  const auto draw = [&] {
    for (double& value : x) value = random.normal();
    for (double& value : f) value = random.normal();
  };
  const auto sum = [&] {
    std::vector<double> out(width);
    for (std::size_t i = 0; i < width; ++i) out[i] = std::sqrt(a) * x[i] + std::sqrt(b) * f[i];
    return squared_mean(out);
  };
  const Replicates measured = variance_of(1, [&] {
    draw();
    return sum();
  });
  const double tau = formula::sum_size_variance(a, 2 / D, b, 2 / D, D);
  expect("size of a sum", tau, measured);
  reject("without the product of both", a * a * 2 / D + b * b * 2 / D, measured);
  for (int replicate = 0; replicate < 20 * replicates; ++replicate) {
    draw();
    inverse.add(1 / sum());
    both.add(1 / sum() / squared_mean(x));
  }
  constexpr double third_order = 5e-3;
  expect("through the norm of the sum", 1 + tau, inverse, third_order);
  reject("1/E[q]", 1, inverse, third_order);
  // Either norm follows the size of what it reads by the power -1.
  const auto before = formula::size_response<double>(-a, 1.0, -1.0, 2 / D);
  const double apart = (1 + tau) * (1 + 2 / D);
  expect("through both norms", apart * before.mean, both, third_order);
  reject("through one and the other", apart, both, third_order);
}

TEST_CASE("a signal and its gradient through a norm whose ε counts, after a gate of tokens of unequal size") {
  constexpr std::size_t features = 256;
  constexpr double n = features, relu = 6, tau = 0.04, w = 0.5;
  Random random(505);
  Replicates signal, gradient, weight;
  // The mean of the gate's output, ReLU's degree 1 and the values' together.
  const double size = 0.5 * formula::size_moments_of_gate<double>(2.0, tau, tau).own, epsilon = size;
  for (int replicate = 0; replicate < 40000; ++replicate) {
    // The size of what the gate and its values read.
    const double read = std::exp(std::sqrt(std::log(1 + tau)) * random.normal()) / std::sqrt(1 + tau);
    double squares = 0, open = 0;
    for (std::size_t i = 0; i < features; ++i) {
      const double gate = std::max(0.0, random.normal()), value = gate * random.normal();
      open += gate * gate / n;
      squares += value * value / n;
    }
    squares *= read * read;
    signal.add(squares / (squares + epsilon));
    const double at_value = read * open / (squares + epsilon);
    gradient.add(at_value);
    weight.add(at_value * read);
  }
  const double of_gate = formula::gated_size_variance(tau, relu, n);
  constexpr double third_order = 0.015;
  expect("signal", w * formula::size_moments_of_norm<double>(w, of_gate, of_gate).own, signal, third_order);
  reject("signal of tokens of one size", w, signal, third_order);
  const auto before = formula::size_response<double>(-w, 2.0, 1.0, tau);  // to the values, of ReLU's degree
  const double apart = 0.5 / (size + epsilon) * (1 + w * w * of_gate);
  expect("gradient", apart * before.mean, gradient, third_order);
  reject("gradient as if its factors were independent", apart, gradient, third_order);
  const double both = formula::size_response_of_weights<double>(before.response, tau);
  expect("values' weights", apart * before.mean * both, weight, third_order);
  reject("weights that follow the gate alone", apart * before.mean * (1 + tau), weight, third_order);
}

}  // namespace
}  // namespace sigprop::test
