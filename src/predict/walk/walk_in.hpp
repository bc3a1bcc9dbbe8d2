// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "predict/tables/row_table.hpp"
#include "predict/tables/softmax_table.hpp"
#include "sigprop/network/lifted.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

/// One walk in one number type, each compiled in a file of its own. No summary yet.
[[nodiscard]] profile::Profile walk_in_double(const network::Network& network, Theory theory,
                                              const std::shared_ptr<SoftmaxTables<double>>& tables);
[[nodiscard]] profile::Profile walk_in_wide(const network::Network& network, Theory theory);

/// A walk in which tokens differ, in double, by the theory `full`. Throws NotCovered where a
/// variance leaves double's range: products of all pairs would be too large in wide numbers.
[[nodiscard]] profile::Profile walk_masked(const network::Lifted<double>& network, const network::Outline& outline,
                                           Prefix prefix, const profile::TokenLists& tokens,
                                           const std::shared_ptr<RowTables>& rows);

/// How many sequences of words a prediction averages over; 0 where tokens count as alike. Throws
/// NotCovered where they were asked for and do not apply.
[[nodiscard]] std::size_t sequences_of(const network::Network& network, Theory theory, const Options& options);

/// Sequences of words.
class WordSequences;

/// Those that a prediction averages over, in a length that may not be the network's; null where
/// tokens count as alike. Throws as sequences_of() does.
[[nodiscard]] std::shared_ptr<const WordSequences> words_of(const network::Network& network, Theory theory,
                                                            const Options& options, std::size_t length);

/// The first tokens of each. gradient_tokens: at which the loss gradient enters there.
[[nodiscard]] std::shared_ptr<const WordSequences> beginnings(const WordSequences& words, std::size_t length,
                                                              const std::vector<std::size_t>& gradient_tokens);

/// A walk over sequences of words that a stack without a mask reads, by the theory `full`: the mean
/// over them. Of two stacks it is the encoder; a decoder behind a mask takes its own words as
/// alike, and prefix, tokens and rows are as of walk_masked. Without a mask tokens lists those
/// where gradients enter at some. Throws NotCovered where tokens differ in what is not followed.
[[nodiscard]] profile::Profile walk_words(const network::Lifted<double>& network, const network::Outline& outline,
                                          const WordSequences& words, Prefix prefix, const profile::TokenLists& tokens,
                                          const std::shared_ptr<RowTables>& rows);

/// A walk without a mask over an input with class tokens, or to which a gradient enters at some
/// tokens, by the theory `full`. Throws likewise.
[[nodiscard]] profile::Profile walk_special_tokens(const network::Lifted<double>& network,
                                                   const network::Outline& outline,
                                                   const profile::TokenLists& tokens = {});

/// The same as walk_masked, whatever its range.
[[nodiscard]] profile::Profile walk_by_token(const network::Lifted<double>& network, const network::Outline& outline,
                                             Prefix prefix, const profile::TokenLists& tokens,
                                             const std::shared_ptr<RowTables>& rows);

}  // namespace sigprop::predict
