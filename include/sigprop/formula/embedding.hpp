// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

#include "sigprop/formula/domain.hpp"
#include "sigprop/formula/moments.hpp"

namespace sigprop::formula {

/// Generalized harmonic numbers of the vocabulary: Σ 1/i and Σ 1/i².
template <class T>
struct Harmonic {
  T first;
  T second;
};

/// Of whole numbers of words: summed term by term up to 10⁶, Euler–Maclaurin beyond (error below
/// 1e-18 there). Beside them by the derivatives of ψ(V+1) + γ and π²/6 - ψ'(V+1), which go through
/// them all. Throws std::domain_error for count < 1.
template <class T>
[[nodiscard]] Harmonic<T> harmonic_numbers(const T& count) {
  require_at_least_one("vocabulary", count);
  constexpr double summed = 1e6;
  const double words = std::round(scalar::value_of(count)), last = std::min(words, summed);
  double first = 0, second = 0, third = 0;
  for (double i = last; i >= 1; --i) {
    first += 1 / i;
    second += 1 / (i * i);
    third += 1 / (i * i * i);
  }
  if (words > summed) {
    first += std::log(words / last) + 0.5 / words - 0.5 / last;
    second += 1 / last - 1 / words + 0.5 / (words * words) - 0.5 / (last * last);
    third += 0.5 / (last * last) - 0.5 / (words * words);
  }
  constexpr double zeta_two = std::numbers::pi * std::numbers::pi / 6;
  constexpr double zeta_three = 1.20205690315959428540;
  const T beside = count - T(words);
  return {T(first) + beside * T(zeta_two - second), T(second) + beside * T(2 * (zeta_three - third))};
}

/// Name     embedding_token_match
/// Probability that two tokens of a text are the same word, by Zipf's law.
///     Σ p_i² = H_V^{(2)} / H_V²,  p_i = 1/(i H_V)
/// Symbols  V: vocabulary size.  H_V, H_V^{(2)}: harmonic numbers of order 1 and 2.
/// Status   exact for words drawn independently by Zipf's law.
/// Assumes  token frequencies follow Zipf's law with exponent 1.
/// Domain   V ≥ 1
/// Source   our own sum; arXiv:2403.09635 has its limit π²/(6 ln²V).
/// Why      two draws are equal with probability Σ p_i².
/// Throws   std::domain_error naming the vocabulary and its value.
template <class T>
[[nodiscard]] T zipf_match(const T& vocabulary) {
  const Harmonic<T> h = harmonic_numbers(vocabulary);
  return h.second / (h.first * h.first);
}

/// Name     embedding_token_match_paper
/// The same as published.
///     π² / (6 ln²V)
/// Symbols  V: vocabulary size.
/// Status   asymptotic in V; 11 % high at V = 30 000, because Euler's constant is left out of H_V.
/// Assumes  token frequencies follow Zipf's law with exponent 1.
/// Domain   V ≥ 2
/// Source   arXiv:2403.09635, embeddings.
/// Why      H_V → ln V and H_V^{(2)} → π²/6.
/// Throws   std::domain_error naming the vocabulary and its value.
template <class T>
[[nodiscard]] T zipf_match_paper(const T& vocabulary) {
  using std::log;
  require_at_least_two("vocabulary", vocabulary);
  const T log_vocabulary = log(vocabulary);
  const T pi = scalar::pi<T>();
  return pi * pi / (T(6) * log_vocabulary * log_vocabulary);
}

/// Probability that two positions of one sequence lie in the same of two segments, the border
/// uniform: ∫ s² + (1-s)² ds.
inline constexpr double segment_match = 2.0 / 3.0;
/// The same for two sequences whose borders are independent, averaged over positions.
inline constexpr double segment_match_across = 0.5;

/// Name     embedding
/// Moments of one embedding table; those of a sum of tables add up.
///     μ = 0    σ² = w    κ = w P    κ× = w P×
/// Symbols  w: variance of the table's elements.  P, P×: probability that two tokens of a sequence,
///          or of two sequences, share a row: of the token table Σ p_i² both, of the position table
///          0 and 1/L, of the segment table 2/3 and 1/2 for two segments, 1 for one.
/// Status   exact for these probabilities, averaged over positions.
/// Assumes  rows independent, of mean 0.
/// Domain   w ≥ 0
/// Source   arXiv:2403.09635, embeddings; the probabilities across sequences are our own.
/// Why      two tokens have the same row of a table with probability P and independent rows else.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] Moments<T> embedding_forward(const T& table_variance, const T& shared_rows, const T& shared_rows_across) {
  require_not_negative("table variance", table_variance);
  return {T(0), table_variance, shared_rows * table_variance, shared_rows_across * table_variance};
}

}  // namespace sigprop::formula
