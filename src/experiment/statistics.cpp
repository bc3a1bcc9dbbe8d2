// SPDX-License-Identifier: Apache-2.0
#include "experiment/statistics.hpp"

#include <numeric>

namespace sigprop::experiment {
namespace {

double sum_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

double squares_of(std::span<const double> values) {
  return std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
}

/// Variables v = 1 ... V with `samples` values each, of which are known: Σ x² over all, the sum of
/// every variable, and Σ (Σ_v x)² over samples. The off-diagonal elements of their covariance
/// matrix add up to the variance of Σ_v x less the variances of the variables.
double mean_covariance(double squares, std::span<const double> sums, double squares_of_sums, double samples) {
  const double variables = static_cast<double>(sums.size()), total = sum_of(sums);
  const double all = squares_of_sums - total * total / samples;
  const double diagonal = squares - squares_of(sums) / samples;
  return (all - diagonal) / ((samples - 1) * variables * (variables - 1));
}

}  // namespace

Statistics::Statistics(std::size_t tokens, std::size_t features, bool feature_covariance)
    : by_feature_(feature_covariance), token_sums_(tokens), feature_sums_(features) {}

void Statistics::add_columns(std::span<const double> columns) {
  column_squares_ += squares_of(columns);
  for (std::size_t j = 0; by_feature_ && j < columns.size(); ++j) feature_sums_[j] += columns[j];
}

void Statistics::add(const float* x, std::size_t columns) {
  std::vector<double> of_columns(columns);
  double* to = of_columns.data();
  for (double& token : token_sums_) {
    double sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum, squares)
    for (std::size_t j = 0; j < columns; ++j) {
      const double value = static_cast<double>(x[j]);
      sum += value;
      squares += value * value;
      to[j] += value;
    }
    token += sum;
    row_squares_ += sum * sum;
    squares_ += squares;
    x += columns;
  }
  add_columns(of_columns);
  count_ += static_cast<double>(token_sums_.size() * columns);
}

void Statistics::add(std::span<const double> token_sums, std::span<const double> column_sums, double squares) {
  const std::size_t tokens = token_sums_.size(), replicates = token_sums.size() / tokens;
  const std::size_t columns = column_sums.size() / replicates;
  for (std::size_t r = 0; r < replicates; ++r) {
    for (std::size_t i = 0; i < tokens; ++i) token_sums_[i] += token_sums[r * tokens + i];
    add_columns(column_sums.subspan(r * columns, columns));
  }
  row_squares_ += squares_of(token_sums);
  squares_ += squares;
  count_ += static_cast<double>(token_sums_.size() * column_sums.size());
}

double Statistics::mean() const {
  return sum_of(token_sums_) / count_;
}

double Statistics::variance() const {
  return squares_ / count_ - mean() * mean();
}

double Statistics::covariance() const {
  return mean_covariance(squares_, token_sums_, column_squares_, count_ / static_cast<double>(token_sums_.size()));
}

double Statistics::feature_covariance() const {
  if (!by_feature_) return 0;
  return mean_covariance(squares_, feature_sums_, row_squares_, count_ / static_cast<double>(feature_sums_.size()));
}

}  // namespace sigprop::experiment
