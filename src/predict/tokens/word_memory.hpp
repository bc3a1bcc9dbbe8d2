// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "predict/tokens/token_pairs.hpp"
#include "predict/tokens/unmasked_rows.hpp"

namespace sigprop::predict {

/// An encoder's output over one sequence of words, which a decoder's rows read.
class WordMemory {
 public:
  /// products: of its tokens, whose groups outlive this.
  explicit WordMemory(TokenPairs products);

  [[nodiscard]] const TokenPairs& products() const { return products_; }

  /// The law of rows over it (key_law). Layers whose queries are of one size share it.
  [[nodiscard]] std::shared_ptr<const KeyLaw> law(const RowQueries& rows, double v, double head_width, double laws);

  /// The sum of the gradients at it from all cross-attention so far.
  [[nodiscard]] const TokenPairs& gradient() const { return gradient_; }
  /// across: between every two tokens of two sequences of a batch; none without a batch.
  void add(const Eigen::MatrixXd& within, const std::optional<double>& across);

 private:
  struct Known {
    double v;
    double head_width;
    bool alike;
    std::shared_ptr<const KeyLaw> law;
  };

  TokenPairs products_;
  TokenPairs gradient_;
  std::vector<Known> known_;  ///< the last few
};

}  // namespace sigprop::predict
