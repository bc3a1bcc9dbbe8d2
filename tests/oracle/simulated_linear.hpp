// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Dense>
#include <vector>

#include "oracle/sample.hpp"

/// A linear layer as it is computed, batch by batch.
namespace sigprop::test {

struct LinearPass {
  std::vector<Matrix<double>> output;    ///< y = x Wᵀ + bias
  std::vector<Matrix<double>> gradient;  ///< at the input, g W
  Matrix<double> weight_gradient;        ///< Σ gᵀ x
};

/// x: sequences of (L, d_in).  w: (d_out, d_in).  bias: (1, d_out).  g: sequences of (L, d_out).
[[nodiscard]] inline LinearPass simulate_linear(const std::vector<Matrix<double>>& x, const Matrix<double>& w,
                                                const Matrix<double>& bias, const std::vector<Matrix<double>>& g) {
  LinearPass pass;
  pass.weight_gradient = Matrix<double>::Zero(w.rows(), w.cols());
  for (std::size_t b = 0; b < x.size(); ++b) {
    Matrix<double> y = x[b] * w.transpose();
    y.rowwise() += bias.row(0);
    pass.output.push_back(std::move(y));
    pass.gradient.push_back(g[b] * w);
    pass.weight_gradient += g[b].transpose() * x[b];
  }
  return pass;
}

/// Moments of a batch, averaged over its sequences and pairs of sequences.
struct BatchMoments {
  double second_moment = 0, token_product = 0, cross_product = 0;
};

[[nodiscard]] inline BatchMoments batch_moments(const std::vector<Matrix<double>>& batch) {
  BatchMoments m;
  const double sequences = static_cast<double>(batch.size());
  for (std::size_t b = 0; b < batch.size(); ++b) {
    m.second_moment += second_moment(batch[b]) / sequences;
    m.token_product += token_product(batch[b]) / sequences;
    for (std::size_t other = 0; other < b; ++other) {
      m.cross_product += cross_product(batch[b], batch[other]) / (sequences * (sequences - 1) / 2);
    }
  }
  return m;
}

}  // namespace sigprop::test
