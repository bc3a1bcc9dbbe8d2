// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/context.hpp"
#include "cuda/kernels/draw.hpp"
#include "simulate/host_device.hpp"

/// Attention between its matrix products. Scores lie by block: a block is one key-value head of one
/// sequence of one replicate, its rows the queries of all heads that share these keys, head by
/// head. Blocks are numbered (replicate, key-value head, sequence).
namespace sigprop::cuda {

struct HeadShape {
  std::size_t replicates = 1;
  std::size_t sequences = 1;
  std::size_t kv_heads = 1;
  std::size_t group = 1;    ///< heads that share keys and values
  std::size_t queries = 1;  ///< of a sequence
  std::size_t keys = 1;     ///< of a sequence
  std::size_t width = 1;    ///< of a head

  [[nodiscard]] SIGPROP_HOST_DEVICE std::size_t blocks() const { return replicates * kv_heads * sequences; }
  [[nodiscard]] SIGPROP_HOST_DEVICE std::size_t rows() const { return group * queries; }  ///< of a block
};

/// x (replicates, sequences · length, kv_heads · group · width) into (block, group · length,
/// width): heads stand one after the other.
void split_heads(Context& context, const HeadShape& shape, std::size_t group, std::size_t length, const float* x,
                 float* out);
void split_heads(Context& context, const HeadShape& shape, std::size_t group, std::size_t length, const float* x,
                 Bf16* out);

/// The way back.
void merge_heads(Context& context, const HeadShape& shape, std::size_t group, std::size_t length, const float* x,
                 float* out);

/// What the rows of scores need besides their numbers.
struct ScoreRules {
  DrawKey key;
  double dropout = 0;
  std::uint32_t mask_tensor = 0;  ///< element ((sequence · heads + head) · queries + query) · keys + key
  bool causal = false;
};

/// What the backward pass needs of a row to make its probabilities again.
struct RowScale {
  float largest;
  float inverse_partition;
};

/// Of one row: unbiased variance of its visible scores, 0 where it sees one; entropy in nats before
/// dropout.
struct RowScores {
  double variance;
  double entropy;
};

/// Probabilities of `blocks` blocks from number `first` on, after dropout, from their scores
/// (blocks, rows, keys); `out` may be `scores`. `scales` and `statistics` hold all blocks' rows.
/// Sums over a row in float64; probabilities within 1e-6 of the CPU's, relative, and 1e-37: below,
/// one exponential function ends before the other. A causal mask needs queries ≤ keys.
void softmax(Context& context, const HeadShape& shape, const ScoreRules& rules, std::size_t first, std::size_t blocks,
             const float* scores, float* out, RowScale* scales, RowScores* statistics);
void softmax(Context& context, const HeadShape& shape, const ScoreRules& rules, std::size_t first, std::size_t blocks,
             const float* scores, Bf16* out, RowScale* scales, RowScores* statistics);

/// From scores and the gradient dp at the dropped probabilities: those probabilities again, and the
/// gradient at the scores before the scale, scale · p (m dp - Σ p m dp). `probabilities` may be
/// `scores`, `gradient` may be `dp`.
void softmax_backward(Context& context, const HeadShape& shape, const ScoreRules& rules, double scale,
                      std::size_t first, std::size_t blocks, const float* scores, const float* dp,
                      const RowScale* scales, float* probabilities, float* gradient);
void softmax_backward(Context& context, const HeadShape& shape, const ScoreRules& rules, double scale,
                      std::size_t first, std::size_t blocks, const float* scores, const float* dp,
                      const RowScale* scales, Bf16* probabilities, Bf16* gradient);

/// Means over a replicate's rows: of the variance over those that see two keys at least, of the
/// entropy over all. They go to out[replicate · stride] and the number behind it.
void mean_scores(Context& context, const HeadShape& shape, bool causal, const RowScores* statistics, double* out,
                 std::size_t stride);

}  // namespace sigprop::cuda
