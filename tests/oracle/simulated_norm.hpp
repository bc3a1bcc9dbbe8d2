// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Dense>
#include <cmath>

#include "oracle/sample.hpp"

/// LayerNorm and RMSNorm as they are computed, without ε.
namespace sigprop::test {

struct NormPass {
  Matrix<double> output;
  Matrix<double> gradient;  ///< at the input
};

/// y = (x - mean)/s over the features of each token, s² the mean square (LayerNorm), or y = x/s
/// (RMSNorm). Backward (g - mean g - y mean(g y))/s, for RMSNorm without mean g.
[[nodiscard]] inline NormPass simulate_norm(const Matrix<double>& x, const Matrix<double>& g, bool centred) {
  NormPass pass{x, g};
  const double width = static_cast<double>(x.cols());
  for (Eigen::Index t = 0; t < x.rows(); ++t) {
    auto y = pass.output.row(t);
    auto back = pass.gradient.row(t);
    if (centred) y.array() -= y.mean();
    const double deviation = std::sqrt(y.squaredNorm() / width);
    y /= deviation;
    const double along = back.dot(y) / width;
    if (centred) back.array() -= back.mean();
    back -= along * y;
    back /= deviation;
  }
  return pass;
}

}  // namespace sigprop::test
