// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "oracle/sample.hpp"

/// Three embedding tables, words drawn by Zipf's law.
namespace sigprop::test {

struct EmbeddingTables {
  Matrix<double> token, position, segment;
  std::vector<double> below;  ///< probability of a word up to this one
};

struct TableVariances {
  double token = 0;
  double position = 0;
  double segment = 0;
};

[[nodiscard]] inline EmbeddingTables draw_tables(Random& random, Eigen::Index vocabulary, Eigen::Index length,
                                                 Eigen::Index width, const TableVariances& variances) {
  const auto table = [&](Eigen::Index rows, double variance) {
    return gaussian<double>(random, rows, width, std::sqrt(variance));
  };
  EmbeddingTables tables{
      table(vocabulary, variances.token), table(length, variances.position), table(2, variances.segment), {}};
  double sum = 0;
  for (Eigen::Index i = 1; i <= vocabulary; ++i) tables.below.push_back(sum += 1 / static_cast<double>(i));
  for (double& below : tables.below) below /= sum;
  return tables;
}

/// One sequence: Zipf words, positions 0 to L - 1, the second segment from a uniform border on.
[[nodiscard]] inline Matrix<double> simulate_embedding(Random& random, const EmbeddingTables& tables,
                                                       Eigen::Index length) {
  Matrix<double> x(length, tables.token.cols());
  const double border = random.uniform(0, static_cast<double>(length));
  for (Eigen::Index t = 0; t < length; ++t) {
    const double u = random.uniform();
    Eigen::Index word = 0;
    while (tables.below[static_cast<std::size_t>(word)] < u) ++word;
    const Eigen::Index segment = static_cast<double>(t) + 0.5 < border ? 0 : 1;
    x.row(t) = tables.token.row(word) + tables.position.row(t) + tables.segment.row(segment);
  }
  return x;
}

}  // namespace sigprop::test
