// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sigprop::network {

/// The mean product of every pair of tokens, per feature, as a file gives it.
struct Gram {
  std::string file;  ///< as the spec names it
  std::size_t tokens = 0;
  std::vector<double> products;  ///< (tokens, tokens), row by row
  std::vector<double> root;      ///< R of the same shape: R Rᵀ are the products

  /// Means over tokens, and over pairs of different ones; 0 where there is one token.
  [[nodiscard]] double mean_own() const;
  [[nodiscard]] double mean_of_pairs() const;
};

/// Throws std::domain_error, which says what they are and must be, where numbers are no products of
/// tokens: not finite, not symmetric, or beyond rounding (1e-4 of the largest) not positive
/// semidefinite.
[[nodiscard]] Gram gram_of(std::string file, std::size_t tokens, std::vector<double> products);

}  // namespace sigprop::network
