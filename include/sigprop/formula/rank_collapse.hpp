// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

#include "sigprop/formula/domain.hpp"

namespace sigprop::formula {

/// Name     rank_residual
/// Relative distance of the tokens from their mean token, 0 when all tokens are equal.
///     √((1 - c/q)(1 - 1/L))
/// Symbols  q: second moment.  c: token dot product.  L: sequence length.
/// Status   exact as the root of the ratio of expectations.
/// Assumes  exchangeable tokens.
/// Domain   q ≥ 0, c ≤ q, L ≥ 1; 0 for a signal that is 0
/// Source   our own; the residual of Dong, Cordonnier and Loukas (2021) in the Frobenius norm.
/// Why      ‖x - mean‖² = L (q - c)(1 - 1/L) and ‖x‖² = L q, per feature.
template <class T>
[[nodiscard]] T rank_residual(const T& q, const T& c, const T& length) {
  using std::sqrt;
  require_at_least_one("sequence length", length);
  if (!(q > T(0)) || c >= q) return T(0);
  return sqrt((T(1) - c / q) * (T(1) - T(1) / length));
}

/// Name     effective_rank
/// exp(entropy of the eigenvalues of the token Gram matrix): how many directions the tokens span.
///     exp(-Σ p_i ln p_i),  eigenvalues q + (L-1)c once and q - c, L-1 times, the latter spread by Marchenko–Pastur over at most D
/// Symbols  q, c: second moment and token dot product.  L: tokens.  D: width.
/// Status   asymptotic in L and D at fixed L/D; 2 % high at L = 48, D = 96.
/// Assumes  exchangeable tokens, independent features.
/// Domain   q ≥ 0, c ≤ q, L ≥ 1, D ≥ 1; 0 for a signal that is 0
/// Source   effective rank of Roy and Vetterli (2007); the spread of a sample Gram matrix is Marchenko–Pastur's.
/// Why      p_i = eigenvalue/trace; M values of mean p and relative spread x add M p E[x ln x] to the sum, and E[x ln x] = y/2
///          for Marchenko–Pastur's law of ratio y = min(L-1, D)/max(L-1, D) (Page 1993).
/// Throws   std::domain_error naming the argument and its value.
[[nodiscard]] inline double effective_rank(double q, double c, double length, double width) {
  require_at_least_one("sequence length", length);
  require_at_least_one("width", width);
  if (!(q > 0)) return 0;
  const double others = length - 1;
  const double common_share = std::min(1.0, std::max(0.0, (q + others * c) / (length * q)));
  const double spread_share = 1 - common_share;
  double entropy = common_share > 0 ? -common_share * std::log(common_share) : 0.0;
  if (spread_share > 1e-300 && others >= 1) {
    const double ratio = std::min(others, width) / std::max(others, width);
    const double count = std::min(others, width);
    entropy += spread_share * (std::log(count / spread_share) - ratio / 2);
  }
  return std::exp(entropy);
}

}  // namespace sigprop::formula
