// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <catch2/catch.hpp>
#include <cstdio>

#include "oracle/expect.hpp"
#include "oracle/simulated_attention.hpp"
#include "sigprop/formula/attention.hpp"

namespace sigprop::test {
namespace {

/// The loss Σ g ∘ z of one head.
double loss(const Matrix<double>& x, const HeadWeights<double>& w, const Matrix<double>& mask,
            const Matrix<double>& g) {
  return simulate_head(x, w, mask, g).output.cwiseProduct(g).sum();
}

TEST_CASE("the simulated attention's gradients are the slopes of its loss") {
  Random random(261);
  const auto x = gaussian<double>(random, 5, 6, 1), g = gaussian<double>(random, 5, 4, 1);
  const auto w = draw_head<double>(random, 6, 4);
  const auto mask = dropout_mask<double>(random, 5, 5, 0.2);
  const auto pass = simulate_head(x, w, mask, g);
  const double step = 1e-5;
  const auto dx = gaussian<double>(random, 5, 6, 1), dw = gaussian<double>(random, 6, 4, 1);
  const double along_x = (loss(x + step * dx, w, mask, g) - loss(x - step * dx, w, mask, g)) / (2 * step);
  CHECK(pass.input.cwiseProduct(dx).sum() == Approx(along_x).epsilon(1e-7));
  const auto along = [&](Matrix<double> HeadWeights<double>::*weight) {
    auto above = w, below = w;
    above.*weight += step * dw;
    below.*weight -= step * dw;
    return (loss(x, above, mask, g) - loss(x, below, mask, g)) / (2 * step);
  };
  const auto exact = [&](const Matrix<double>& projection) {
    return (x.transpose() * projection).cwiseProduct(dw).sum();
  };
  CHECK(exact(pass.query) == Approx(along(&HeadWeights<double>::query)).epsilon(1e-7));
  CHECK(exact(pass.key) == Approx(along(&HeadWeights<double>::key)).epsilon(1e-7));
  CHECK(exact(pass.value) == Approx(along(&HeadWeights<double>::value)).epsilon(1e-7));
}

TEST_CASE("the weight gradients of attention over a batch whose sequences correlate") {
  constexpr Eigen::Index batch = 16, length = 32, width = 128, head_width = 32;
  constexpr double B = 16, L = 32, d = 128, k = 32, p = 0.1, r = 0.3, r_cross = 0.15, r_g = 0.3, g_cross = 0.2, v = 1;
  const double w = std::sqrt(v / (d * d * (1 - r)));
  const formula::AttentionShape<double> shape{L, d, 1, k, w, w, 1 / d, 0, p, 1};
  const formula::Moments<double> signal{0, 1, r, r_cross};
  const formula::Gradient<double> gradient{1, r_g, g_cross};
  Random random(262);
  Replicates query, key, value;
  for (int replicate = 0; replicate < 600; ++replicate) {
    const auto x = normal_batch<float>(random, batch, length, width, {.correlation = r, .cross_correlation = r_cross});
    const auto g =
        normal_batch<float>(random, batch, length, head_width, {.correlation = r_g, .cross_correlation = g_cross});
    const auto weights = scaled_head(draw_head<float>(random, width, head_width), w, w, 1 / d);
    std::vector<HeadPass<float>> passes;
    for (std::size_t b = 0; b < x.size(); ++b) {
      passes.push_back(simulate_head(x[b], weights, dropout_mask<float>(random, length, length, p), g[b]));
    }
    const auto norms = weight_norms(x, passes);
    query.add(norms.query);
    key.add(norms.key);
    value.add(norms.value);
  }
  const formula::SoftmaxMeans<double> softmax{formula::softmax_row_means(v, L, k),
                                              formula::softmax_pair_means(v, r, L, L, k)};
  const auto predicted = formula::attention_backward(gradient, signal, shape, softmax, B);
  constexpr double finite = 0.1;  // asymptotic in d and L
  const auto q = expect("W_q", predicted.query_weight, query, finite);
  const auto kk = expect("W_k", predicted.key_weight, key, finite);
  const auto vv = expect("W_v", predicted.value_weight, value, finite);
  std::printf("batch of 16: predicted/measured W_q %.3f W_k %.3f W_v %.3f (noise %.3f %.3f %.3f)\n", q.ratio(),
              kk.ratio(), vv.ratio(), q.standard_error / q.measured, kk.standard_error / kk.measured,
              vv.standard_error / vv.measured);
  const formula::Gradient<double> alone{1, r_g, 0};
  const auto apart = formula::attention_backward(alone, signal, shape, softmax, B);
  reject("W_q without the pairs of sequences", apart.query_weight, query, finite);
  reject("W_k without the pairs of sequences", apart.key_weight, key, finite);
  reject("W_v without the pairs of sequences", apart.value_weight, value, finite);
}

}  // namespace
}  // namespace sigprop::test
