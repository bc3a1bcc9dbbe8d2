// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace sigprop::simulate {

/// exp(entropy of the eigenvalues) of a sequence's Gram matrix, given by all its elements; 0 for a
/// matrix of zeros.
[[nodiscard]] double effective_rank(std::span<const double> gram);

/// Matrices of size × size elements, one after the other.
struct Grams {
  std::vector<double> values;
  std::size_t size = 0;
};

/// Of many of them, in their order, on all threads, or this one's share of them where others work
/// beside it.
[[nodiscard]] std::vector<double> effective_ranks(const std::vector<Grams>& grams);

}  // namespace sigprop::simulate
