// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "oracle/sample.hpp"

/// One attention head as it is computed: forward and backward of a batch by hand.
namespace sigprop::test {

template <class Real>
struct HeadWeights {
  Matrix<Real> query, key, value;  ///< (d, k) each
};

template <class Real>
[[nodiscard]] HeadWeights<Real> draw_head(Random& random, Eigen::Index width, Eigen::Index head_width) {
  const auto draw = [&] { return gaussian<Real>(random, width, head_width, 1); };
  return {draw(), draw(), draw()};
}

/// Weights of variance 1 scaled to the given variances.
template <class Real>
[[nodiscard]] HeadWeights<Real> scaled_head(const HeadWeights<Real>& unit, double query, double key, double value) {
  const auto root = [](double variance) { return static_cast<Real>(std::sqrt(variance)); };
  return {unit.query * root(query), unit.key * root(key), unit.value * root(value)};
}

template <class Real>
[[nodiscard]] Matrix<Real> softmax_rows(Matrix<Real> scores) {
  scores.colwise() -= scores.rowwise().maxCoeff().eval();
  scores = scores.array().exp().matrix();
  const Eigen::Matrix<Real, Eigen::Dynamic, 1> sums = scores.rowwise().sum();
  for (Eigen::Index j = 0; j < scores.cols(); ++j) scores.col(j).array() /= sums.array();
  return scores;
}

/// The output of one sequence, and its gradients at the projections' outputs and at the input.
template <class Real>
struct HeadPass {
  Matrix<Real> output;
  Matrix<Real> value, query, key;
  Matrix<Real> input;
};

/// x: (L, d).  mask: (L, L) of 0 and 1/(1 - p).  g: (L, k), the gradient at the output.
template <class Real>
[[nodiscard]] HeadPass<Real> simulate_head(const Matrix<Real>& x, const HeadWeights<Real>& w, const Matrix<Real>& mask,
                                           const Matrix<Real>& g) {
  const Real scale = Real(1) / std::sqrt(static_cast<Real>(w.query.cols()));
  const Matrix<Real> q = x * w.query, k = x * w.key, v = x * w.value;
  const Matrix<Real> a = softmax_rows<Real>(q * k.transpose() * scale);
  const Matrix<Real> dropped = a.cwiseProduct(mask);
  HeadPass<Real> pass;
  pass.output = dropped * v;
  pass.value = dropped.transpose() * g;
  Matrix<Real> da = (g * v.transpose()).cwiseProduct(mask);
  const Eigen::Matrix<Real, Eigen::Dynamic, 1> along = a.cwiseProduct(da).rowwise().sum();
  da.colwise() -= along;
  const Matrix<Real> ds = a.cwiseProduct(da) * scale;
  pass.query = ds * k;
  pass.key = ds.transpose() * q;
  pass.input = pass.value * w.value.transpose() + pass.query * w.query.transpose() + pass.key * w.key.transpose();
  return pass;
}

/// Squared norms of the weight gradients of one head, summed over the batch before squaring.
struct HeadWeightNorms {
  double query, key, value;
};

template <class Real>
[[nodiscard]] HeadWeightNorms weight_norms(const std::vector<Matrix<Real>>& x,
                                           const std::vector<HeadPass<Real>>& passes) {
  const auto norm = [&](Matrix<Real> HeadPass<Real>::*projection) {
    Matrix<Real> sum = x.front().transpose() * (passes.front().*projection);
    for (std::size_t b = 1; b < x.size(); ++b) sum += x[b].transpose() * (passes[b].*projection);
    return static_cast<double>(sum.squaredNorm());
  };
  return {norm(&HeadPass<Real>::query), norm(&HeadPass<Real>::key), norm(&HeadPass<Real>::value)};
}

}  // namespace sigprop::test
