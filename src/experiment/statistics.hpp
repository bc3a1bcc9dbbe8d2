// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace sigprop::experiment {

/// Moments of a signal of shape (tokens, features) over replicates that are added one after the
/// other; a replicate of one feature may be a column among others. Sums are in float64.
class Statistics {
 public:
  Statistics(std::size_t tokens, std::size_t features, bool feature_covariance = false);

  /// x: (tokens, columns), row by row.
  void add(const float* x, std::size_t columns);

  /// The same from sums: Σ over columns (replicates, tokens), Σ over tokens (replicates, columns),
  /// Σ x² over all.
  void add(std::span<const double> token_sums, std::span<const double> column_sums, double squares);

  [[nodiscard]] double mean() const;
  /// Of all elements around their common mean, divided by their number.
  [[nodiscard]] double variance() const;
  /// Mean over pairs of tokens of their unbiased covariance over replicates and features.
  [[nodiscard]] double covariance() const;
  /// Mean over pairs of features of their unbiased covariance over replicates and tokens; 0 where
  /// it is not asked for.
  [[nodiscard]] double feature_covariance() const;

 private:
  void add_columns(std::span<const double> columns);

  bool by_feature_;
  double count_ = 0;           ///< elements
  double squares_ = 0;         ///< Σ x²
  double column_squares_ = 0;  ///< Σ (Σ_tokens x)²
  double row_squares_ = 0;     ///< Σ (Σ_features x)²
  std::vector<double> token_sums_;
  std::vector<double> feature_sums_;
};

}  // namespace sigprop::experiment
