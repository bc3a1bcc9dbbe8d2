// SPDX-License-Identifier: Apache-2.0
#include "cuda/kernels/heads.hpp"

#include "cuda/kernels/bf16.cuh"
#include "cuda/kernels/philox.cuh"
#include "cuda/kernels/sums.cuh"

namespace sigprop::cuda {
namespace {

/// Where row (block, group, length) of the one layout stands in the other, (replicate, sequence,
/// length, kv head, group).
struct Places {
  std::uint32_t sequences, kv_heads, group, length, width;

  __device__ std::size_t merged(std::uint32_t row) const {
    const std::uint32_t i = row % length, g = row / length % group, block = row / length / group;
    const std::uint32_t sequence = block % sequences, head = block / sequences % kv_heads;
    const std::size_t token = (std::size_t{block / sequences / kv_heads} * sequences + sequence) * length + i;
    return (token * kv_heads * group + head * group + g) * width;
  }
};

template <class Out>
struct Split {
  Places places;
  const float* x;
  Out* out;

  __device__ void operator()(std::uint32_t row, std::uint32_t lane) const {
    const float* from = x + places.merged(row);
    Out* to = out + std::size_t{row} * places.width;
    for (std::uint32_t f = lane; f < places.width; f += warp) store(to[f], from[f]);
  }
};

struct Merge {
  Places places;
  const float* x;
  float* out;

  __device__ void operator()(std::uint32_t row, std::uint32_t lane) const {
    const float* from = x + std::size_t{row} * places.width;
    float* to = out + places.merged(row);
    for (std::uint32_t f = lane; f < places.width; f += warp) to[f] = from[f];
  }
};

Places places_of(const HeadShape& shape, std::size_t group, std::size_t length) {
  return {small(shape.sequences), small(shape.kv_heads), small(group), small(length), small(shape.width)};
}

template <class Out>
void split(Context& context, const HeadShape& shape, std::size_t group, std::size_t length, const float* x, Out* out) {
  over_rows(context, shape.blocks() * group * length, Split<Out>{places_of(shape, group, length), x, out});
}

/// One row of scores: which keys it sees, and dropout's factors of its elements.
struct ScoreRow {
  std::size_t row;        ///< among all blocks'
  std::size_t offset;     ///< of its first element, counted from the first block of the launch
  std::uint32_t visible;  ///< keys
  std::uint32_t replicate;
  std::uint64_t element;  ///< of the mask
};

/// Divisions are of 32 bits, which take fewer instructions: no device holds so many rows that they
/// would not do.
struct RowOf {
  std::uint32_t sequences, kv_heads, group, queries, keys;
  std::uint32_t first;  ///< block of the launch
  bool causal;

  __device__ ScoreRow operator()(std::uint32_t local) const {
    const std::uint32_t rows = group * queries, block = first + local / rows, in_block = local % rows;
    const std::uint32_t query = in_block % queries, sequence = block % sequences;
    const std::uint32_t head = block / sequences % kv_heads * group + in_block / queries;
    return {std::size_t{first} * rows + local, std::size_t{local} * keys, causal ? query + 1 : keys,
            block / sequences / kv_heads,
            ((std::uint64_t{sequence} * kv_heads * group + head) * queries + query) * keys};
  }
};

RowOf row_of_launch(const HeadShape& shape, std::size_t first, bool causal) {
  return {small(shape.sequences),
          small(shape.kv_heads),
          small(shape.group),
          small(shape.queries),
          small(shape.keys),
          small(first),
          causal};
}

/// The work of one thread on a row. It has every `threads`-th aligned four of the mask's elements,
/// the same ones in every loop: so a word is drawn once for four, and a row can be written where it
/// was read.
template <int threads>
class RowWork {
 public:
  __device__ RowWork(const RowOf& row_of, std::uint32_t rows, DrawKey key, std::uint32_t tensor, DropFactor factor)
      : key_(key), tensor_(tensor), factor_(factor) {
    const std::uint32_t local = blockIdx.x * rows_per_block<threads> + threadIdx.x / threads;
    present = local < rows;
    row = row_of(present ? local : 0);
    if (present) keys_ = row_of.keys;
    if (!present) row.visible = 0;
  }

  [[nodiscard]] __device__ bool leads() const { return present && threadIdx.x % threads == 0; }

  /// f(j) for the thread's visible keys.
  template <class F>
  __device__ void over_visible(const F& f) const {
    over_fours([&](std::uint64_t, std::size_t j) {
      if (j < row.visible) f(j);
    });
  }

  /// f(j, factor of dropout) for the thread's keys; 0 for those that are masked.
  template <class F>
  __device__ void over_masked(const F& f) const {
    std::uint64_t last = ~std::uint64_t{0};
    r123::Philox4x32::ctr_type four{};
    over_fours([&](std::uint64_t n, std::size_t j) {
      float m = j < row.visible ? 1.0F : 0.0F;
      if (factor_.limit > 0 && j < row.visible) {
        if (n / 4 != last) four = words(key_, tensor_, row.replicate, n / 4);
        last = n / 4;
        m = factor_(four[static_cast<std::size_t>(n % 4)]);
      }
      f(j, m);
    });
  }

  bool present;
  ScoreRow row;

 private:
  template <class F>
  __device__ void over_fours(const F& f) const {
    const std::uint64_t begin = row.element, end = begin + keys_;
    for (std::uint64_t four = begin / 4 + threadIdx.x % threads; four * 4 < end; four += threads) {
      for (std::uint64_t n = four * 4; n < four * 4 + 4; ++n) {
        if (n >= begin && n < end) f(n, static_cast<std::size_t>(n - begin));
      }
    }
  }

  DrawKey key_;
  std::uint32_t tensor_;
  DropFactor factor_;
  std::uint32_t keys_ = 0;
};

template <int threads, class Out>
__global__ void softmax_rows(std::uint32_t rows, RowOf row_of, DrawKey key, std::uint32_t tensor, DropFactor factor,
                             const float* scores, Out* out, RowScale* scales, RowScores* statistics) {
  const RowWork<threads> work(row_of, rows, key, tensor, factor);
  const float* s = scores + work.row.offset;
  float top = -INFINITY;
  work.over_visible([&](std::size_t j) { top = Largest{}(top, s[j]); });
  top = over_threads<threads>(top, Largest{});
  double total = 0, squares = 0, partition = 0, energy = 0;
  work.over_visible([&](std::size_t j) {
    const float below = s[j] - top;
    const double x = below, weight = expf(below);
    total += x;
    squares += x * x;
    partition += weight;
    energy += weight * x;
  });
  total = over_threads<threads>(total);
  squares = over_threads<threads>(squares);
  partition = over_threads<threads>(partition);
  energy = over_threads<threads>(energy);
  const float inverse = static_cast<float>(1 / partition);
  work.over_masked([&](std::size_t j, float m) {
    store(out[work.row.offset + j], j < work.row.visible ? expf(s[j] - top) * inverse * m : 0.0F);
  });
  if (!work.leads()) return;
  const double count = static_cast<double>(work.row.visible), around_mean = squares - total * total / count;
  scales[work.row.row] = {top, inverse};
  statistics[work.row.row] = {count > 1 && around_mean > 0 ? around_mean / (count - 1) : 0,
                              log(partition) - energy / partition};
}

template <int threads, class Out>
__global__ void softmax_rows_backward(std::uint32_t rows, RowOf row_of, DrawKey key, std::uint32_t tensor,
                                      DropFactor factor, float scale, const float* scores, const float* dp,
                                      const RowScale* scales, Out* probabilities, Out* gradient) {
  const RowWork<threads> work(row_of, rows, key, tensor, factor);
  const float *s = scores + work.row.offset, *d = dp + work.row.offset;
  const RowScale of_row = scales[work.row.row];
  const auto probability = [&](std::size_t j) { return expf(s[j] - of_row.largest) * of_row.inverse_partition; };
  float mean = 0;
  work.over_masked([&](std::size_t j, float m) {
    if (m > 0) mean += probability(j) * (m * d[j]);
  });
  mean = over_threads<threads>(mean);
  work.over_masked([&](std::size_t j, float m) {
    const float p = j < work.row.visible ? probability(j) : 0.0F, slope = p * (m * d[j] - mean) * scale;
    store(probabilities[work.row.offset + j], p * m);
    store(gradient[work.row.offset + j], slope);
  });
}

template <class Out>
void softmax_of(Context& context, const HeadShape& shape, const ScoreRules& rules, std::size_t first,
                std::size_t blocks, const float* scores, Out* out, RowScale* scales, RowScores* statistics) {
  const std::size_t rows = blocks * shape.rows();
  with_row_threads(shape.keys, [&](auto threads) {
    launch(context, grid_of_rows(rows, rows_per_block<threads>), dim3(block_threads), softmax_rows<threads, Out>, rows,
           row_of_launch(shape, first, rules.causal), rules.key, rules.mask_tensor, drop_factor(rules.dropout), scores,
           out, scales, statistics);
  });
}

template <class Out>
void softmax_backward_of(Context& context, const HeadShape& shape, const ScoreRules& rules, double scale,
                         std::size_t first, std::size_t blocks, const float* scores, const float* dp,
                         const RowScale* scales, Out* probabilities, Out* gradient) {
  const std::size_t rows = blocks * shape.rows();
  with_row_threads(shape.keys, [&](auto threads) {
    launch(context, grid_of_rows(rows, rows_per_block<threads>), dim3(block_threads),
           softmax_rows_backward<threads, Out>, rows, row_of_launch(shape, first, rules.causal), rules.key,
           rules.mask_tensor, drop_factor(rules.dropout), static_cast<float>(scale), scores, dp, scales, probabilities,
           gradient);
  });
}

struct LoadScores {
  const RowScores* rows;

  __device__ Several<2> operator()(std::size_t i) const { return {{rows[i].variance, rows[i].entropy}}; }
};

/// Sums over a replicate's rows become means.
struct MeanScores {
  double varying_rows;
  double rows;
  double* out;
  std::size_t stride;

  __device__ void operator()(std::size_t replicate, const Several<2>& sums) const {
    out[replicate * stride] = varying_rows > 0 ? sums.part[0] / varying_rows : 0;
    out[replicate * stride + 1] = sums.part[1] / rows;
  }
};

}  // namespace

void split_heads(Context& context, const HeadShape& shape, std::size_t group, std::size_t length, const float* x,
                 float* out) {
  split(context, shape, group, length, x, out);
}

void split_heads(Context& context, const HeadShape& shape, std::size_t group, std::size_t length, const float* x,
                 Bf16* out) {
  split(context, shape, group, length, x, out);
}

void merge_heads(Context& context, const HeadShape& shape, std::size_t group, std::size_t length, const float* x,
                 float* out) {
  over_rows(context, shape.blocks() * group * length, Merge{places_of(shape, group, length), x, out});
}

void softmax(Context& context, const HeadShape& shape, const ScoreRules& rules, std::size_t first, std::size_t blocks,
             const float* scores, float* out, RowScale* scales, RowScores* statistics) {
  softmax_of(context, shape, rules, first, blocks, scores, out, scales, statistics);
}

void softmax(Context& context, const HeadShape& shape, const ScoreRules& rules, std::size_t first, std::size_t blocks,
             const float* scores, Bf16* out, RowScale* scales, RowScores* statistics) {
  softmax_of(context, shape, rules, first, blocks, scores, out, scales, statistics);
}

void softmax_backward(Context& context, const HeadShape& shape, const ScoreRules& rules, double scale,
                      std::size_t first, std::size_t blocks, const float* scores, const float* dp,
                      const RowScale* scales, float* probabilities, float* gradient) {
  softmax_backward_of(context, shape, rules, scale, first, blocks, scores, dp, scales, probabilities, gradient);
}

void softmax_backward(Context& context, const HeadShape& shape, const ScoreRules& rules, double scale,
                      std::size_t first, std::size_t blocks, const float* scores, const float* dp,
                      const RowScale* scales, Bf16* probabilities, Bf16* gradient) {
  softmax_backward_of(context, shape, rules, scale, first, blocks, scores, dp, scales, probabilities, gradient);
}

void mean_scores(Context& context, const HeadShape& shape, bool causal, const RowScores* statistics, double* out,
                 std::size_t stride) {
  const std::size_t rows = shape.blocks() / shape.replicates * shape.rows();
  const std::size_t seeing_one = causal ? rows / shape.queries : (shape.keys > 1 ? 0 : rows);
  sum_over(context, shape.replicates, rows, LoadScores{statistics},
           MeanScores{static_cast<double>(rows - seeing_one), static_cast<double>(rows), out, stride});
}

}  // namespace sigprop::cuda
