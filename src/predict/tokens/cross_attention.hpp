// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>

#include "predict/tables/softmax_table.hpp"
#include "predict/tokens/token_pairs.hpp"
#include "sigprop/formula/attention.hpp"

namespace sigprop::predict {

/// Rows that differ, as a causal mask makes them, over the keys of an encoder, which are alike:
/// what formula::attention_forward and formula::attention_backward read of them, and their means.
struct CrossAttention {
  formula::AttentionRows<double, TokenPairs, Eigen::ArrayXd> rows;
  double score_variance;               ///< mean over the rows
  double entropy;                      ///< mean over the rows, nats
  formula::SoftmaxMeans<double> mean;  ///< at the mean of the rows' score variances and the mean of their correlations
};

/// rows: token products of the signal that the queries are made of.
[[nodiscard]] CrossAttention cross_attention(const TokenPairs& rows, const formula::Moments<double>& keys,
                                             const formula::AttentionShape<double>& shape, SoftmaxTable<double>& table);

}  // namespace sigprop::predict
