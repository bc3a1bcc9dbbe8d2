// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sigprop::network {

/// Sequences of token ids from a file, in place of words that are drawn. A sequence is at least as
/// long as the model's; what lies beyond is not read by the model.
struct Text {
  std::string file;  ///< as the spec names it
  std::vector<std::vector<std::uint32_t>> sequences;
  /// The part of pairs that hold the same word: of different positions of one sequence, and of any
  /// positions of two.
  double match = 0;
  double match_across = 0;
};

/// The text with its matches among the first `length` tokens. Every sequence must have as many.
[[nodiscard]] Text text_of(std::string file, std::vector<std::vector<std::uint32_t>> sequences, std::size_t length);

/// Words of rank 1 to V, of probability ∝ 1/rank^exponent. Sums over ranks are exact up to some
/// 65 536 and to 1e-12 beyond.
class ZipfLaw {
 public:
  explicit ZipfLaw(double vocabulary, double exponent = 1);

  /// The rank at which the law passes the probability u in [0, 1).
  [[nodiscard]] std::uint64_t rank(double u) const;

  /// Probability that two words are the same.
  [[nodiscard]] double match() const;

 private:
  double vocabulary_;
  double exponent_;
  std::vector<double> cumulative_;     ///< Σ 1/rank^exponent
  std::vector<std::uint32_t> begins_;  ///< the rank, from 0, in which a part of the last sum begins
  double sum_;
};

/// Probability that three tokens hold the same word: by Zipf's law of this exponent, and of three
/// positions of one sequence among the first `length` of a text.
[[nodiscard]] double match_of_three(double vocabulary, double exponent);
[[nodiscard]] double match_of_three(const Text& text, std::size_t length);

/// The exponent with which two words are the same with this probability, from 1/V to below 1. The
/// law's match then is that within 1e-8.
[[nodiscard]] double exponent_of(double match, double vocabulary);

}  // namespace sigprop::network
