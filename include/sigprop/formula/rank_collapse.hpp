// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "sigprop/formula/domain.hpp"
#include "sigprop/formula/moments.hpp"

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
/// Source   effective rank of Roy and Vetterli (2007); the spread of a sample Gram matrix is
///          Marchenko–Pastur's.
/// Why      p_i = eigenvalue/trace; M values of mean p and relative spread x add M p E[x ln x] to
///          the sum, and E[x ln x] = y/2 for Marchenko–Pastur's law of ratio y = min(L-1,
///          D)/max(L-1, D) (Page 1993).
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] T effective_rank(const T& q, const T& c, const T& length, const T& width) {
  using std::exp;
  using std::log;
  require_at_least_one("sequence length", length);
  require_at_least_one("width", width);
  if (!(q > T(0))) return T(0);
  const T others = length - T(1);
  const T common_share = share_of(T(q + others * c), T(length * q));
  const T spread_share = T(1) - common_share;
  T entropy = common_share > T(0) ? T(-common_share * log(common_share)) : T(0);
  if (spread_share > T(1e-300) && others >= T(1)) {
    const T count = std::min(others, width);
    const T ratio = count / std::max(others, width);
    entropy += spread_share * (log(T(count / spread_share)) - ratio / T(2));
  }
  return exp(entropy);
}

/// Eigenvalues of an expected token Gram matrix, with how often each occurs.
struct Eigenvalues {
  double value;
  double count;
};

/// Name     effective_rank_spectrum
/// The same for tokens that differ, from the spectrum of their expected Gram matrix.
///     exp(-Σ p_i ln p_i) of a sample, from the eigenvalues λ of the expected matrix: those above m (1+√(L/D))², m the mean of the lower ones, stand
///     as they are; the others, of share P and participation M = P²/Σ p², have entropy -Σ p/P ln(p/P) - M/(2D) where M ≤ D, else ln D - D/(2M)
/// Symbols  λ: eigenvalues; their number is L, the tokens'.  D: width.  p: λ over their sum.
/// Status   effective_rank where the lower eigenvalues are alike and the others above the edge, an
///          interpolation else: behind a causal mask up to 12 % high at L = 2D, 7 % at L = D/2, 1 %
///          at L = D/16.
/// Assumes  independent features.
/// Domain   λ ≥ 0 (rounding below 0 counts as 0), D ≥ 1; 0 for a signal that is 0
/// Source   effective rank of Roy and Vetterli (2007); the spread of a sample Gram matrix is
///          Marchenko–Pastur's.
/// Why      as effective_rank with M for L - 1. Above the edge (1+√(L/D))² of Marchenko–Pastur's
///          law an eigenvalue leaves the bulk.
/// Throws   std::domain_error naming the argument and its value.
[[nodiscard]] inline double effective_rank_of_spectrum(std::vector<Eigenvalues> spectrum, double width) {
  require_at_least_one("width", width);
  double length = 0, rest = 0;
  for (const Eigenvalues& e : spectrum) {
    length += e.count;
    rest += e.count * std::max(0.0, e.value);
  }
  const double total = rest;
  if (!(total > 0)) return 0;
  std::sort(spectrum.begin(), spectrum.end(), [](const auto& a, const auto& b) { return a.value > b.value; });
  const double edge = std::pow(1 + std::sqrt(length / width), 2);
  double entropy = 0, left = length;
  std::size_t first = 0;
  for (; first < spectrum.size(); ++first) {
    const Eigenvalues& e = spectrum[first];
    const double below = rest - e.count * e.value, others = left - e.count;
    if (!(others > 0 && e.value > 0) || e.value * others <= edge * below) break;
    entropy -= e.count * e.value / total * std::log(e.value / total);
    rest = below;
    left = others;
  }
  const double share = rest / total;
  if (!(share > 1e-300)) return std::exp(entropy);
  double squares = 0, bulk = 0;
  for (std::size_t i = first; i < spectrum.size(); ++i) {
    const double p = std::max(0.0, spectrum[i].value) / rest;
    squares += spectrum[i].count * p * p;
    if (p > 0) bulk -= spectrum[i].count * p * std::log(p);
  }
  const double participation = 1 / squares;
  const double spread =
      participation <= width ? bulk - participation / (2 * width) : std::log(width) - width / (2 * participation);
  return std::exp(entropy + share * (spread - std::log(share)));
}

}  // namespace sigprop::formula
