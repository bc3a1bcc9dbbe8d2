// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "sigprop/formula/attention.hpp"
#include "support/random.hpp"

/// Inputs for the tests of the attention formulas: one plain set and generated ones.
namespace sigprop::test {

/// Width 512, 8 heads of 64, 256 tokens, weight variances 1/512.
template <class T>
[[nodiscard]] formula::AttentionShape<T> plain_shape(const T& dropout = T(0.1)) {
  const T w = T(1) / T(512);
  return {T(256), T(512), T(8), T(64), w, w, w, T(0), dropout, T(1)};
}

/// Numbers of the size that the functionals have at v = 1.
template <class T>
[[nodiscard]] formula::SoftmaxMeans<T> plain_functionals() {
  return {{T(0.011), T(0.01), T(0.0105), T(5), T(0.6)}, {T(0.005), T(0.004), T(0.0009)}};
}

[[nodiscard]] inline formula::AttentionShape<double> random_shape(Random& random) {
  const double heads = std::floor(random.log_uniform(1, 32)), head_width = std::floor(random.log_uniform(8, 128));
  const double w = 1 / (heads * head_width);
  return {std::floor(random.log_uniform(2, 4096)),
          heads * head_width,
          heads,
          head_width,
          w * random.log_uniform(0.1, 10),
          w * random.log_uniform(0.1, 10),
          w * random.log_uniform(0.1, 10),
          0,
          random.uniform(0, 0.9),
          1};
}

[[nodiscard]] inline formula::Moments<double> random_signal(Random& random) {
  const double s = random.log_uniform(0.1, 10);
  return {random.uniform(-0.5, 0.5), s, s * random.uniform(0, 0.95), s * random.uniform(0, 0.5)};
}

[[nodiscard]] inline formula::Gradient<double> random_gradient(Random& random) {
  return {random.log_uniform(0.1, 10), random.uniform(0, 0.1), random.uniform(0, 0.1)};
}

/// Softmax functionals of any size in (0, 1): the formulas of attention are linear in most of them.
[[nodiscard]] inline formula::SoftmaxMeans<double> random_functionals(Random& random) {
  const auto number = [&] { return random.uniform(0.01, 0.9); };
  return {{number(), number(), number(), number(), number()}, {number(), number(), number()}};
}

}  // namespace sigprop::test
