// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "predict/tokens/token_groups.hpp"
#include "sigprop/network/network.hpp"

namespace sigprop::predict {

/// One sequence of an embedding: which of its tokens hold the same word, and which lie in the same
/// segment. Tokens of one word and segment are a group, and so are all those of a segment whose
/// words occur once: they are exchangeable. In a long sequence those whose words occur twice, or a
/// few times, are groups too. Tokens that stand apart, as where a gradient enters, are in groups of
/// their own.
struct WordSequence {
  TokenGroups groups;
  Eigen::MatrixXd same_word;     ///< how likely for two tokens of two groups, or of one (last column)
  Eigen::MatrixXd same_segment;  ///< likewise

  /// words: of every token. split: tokens of the first segment. apart: numbers of tokens, from 0,
  /// that stand apart, in order.
  WordSequence(std::vector<std::uint64_t> words, std::size_t split, const std::vector<std::size_t>& apart = {});

  /// Products of the embedded tokens.
  [[nodiscard]] Eigen::MatrixXd products(const network::BasicEmbedding<double, double>& embedding) const;

  /// Its first tokens, of which others stand apart; the second segment keeps its part.
  [[nodiscard]] WordSequence beginning(std::size_t length, const std::vector<std::size_t>& apart) const;

 private:
  std::vector<std::uint64_t> words_;
  std::size_t split_;
};

/// At most `count` sequences that stand for all that the embedding reads: those of its text, or
/// words by Zipf's law; a segment's border anywhere. Of a pool of sequences in the order of their
/// equal pairs, cut into parts, each part's nearest to its mean: the mean number of equal pairs is
/// that of the pool. The same for the same embedding, length and count. A text's sequence that is
/// shorter than `length` begins again. apart: as of a sequence.
[[nodiscard]] std::vector<WordSequence> word_sequences(const network::BasicEmbedding<double, double>& embedding,
                                                       std::size_t length, std::size_t count,
                                                       const std::vector<std::size_t>& apart = {});

}  // namespace sigprop::predict
