// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace sigprop::simulate {

/// exp(entropy of the eigenvalues) of a sequence's Gram matrix, given by all its elements; 0 for a matrix of zeros.
[[nodiscard]] double effective_rank(std::span<const double> gram);

/// Of many such matrices of size × size elements, on all threads.
[[nodiscard]] std::vector<double> effective_ranks(std::span<const double> grams, std::size_t size);

}  // namespace sigprop::simulate
