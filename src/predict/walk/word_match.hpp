// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/formula/embedding.hpp"
#include "sigprop/network/lifted.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

/// Probability that two tokens hold the same word.
template <class T>
struct WordMatch {
  T within;  ///< of one sequence
  T across;  ///< of two
};

/// Of a text's tokens, or of words that are drawn.
template <class T>
[[nodiscard]] WordMatch<T> word_match(const network::BasicEmbedding<T, T>& embedding, Theory theory) {
  if (embedding.text) return {T(embedding.text->match), T(embedding.text->match_across)};
  if (embedding.match) return {*embedding.match, *embedding.match};
  const T match = formula::zipf_match(embedding.vocabulary);
  return {theory == Theory::paper ? formula::zipf_match_paper(embedding.vocabulary) : match, match};
}

}  // namespace sigprop::predict
