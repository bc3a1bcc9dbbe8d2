// SPDX-License-Identifier: Apache-2.0
#include "cuda/kernels/draw.hpp"

#include "cuda/kernels/bf16.cuh"
#include "cuda/kernels/philox.cuh"

namespace sigprop::cuda {
namespace {

/// Elements 4q ... 4q + 3 of a replicate: one call of Philox. Item: (replicate, q).
template <class Out>
struct WriteNormals {
  DrawKey key;
  std::uint32_t tensor;
  std::size_t count;
  std::size_t quads;  ///< of a replicate
  float std;
  Out* out;

  __device__ void operator()(std::size_t item) const {
    const std::size_t replicate = item / quads, first = item % quads * 4;
    const auto w = words(key, tensor, replicate, first / 4);
    const NormalPair a = normal_pair(w[0], w[1]), b = normal_pair(w[2], w[3]);
    const float values[4] = {std * a.first, std * a.second, std * b.first, std * b.second};
    Out* to = out + replicate * count + first;
    if (count % 4 == 0) return store4(to, values);
    const int rest = count - first < 4 ? static_cast<int>(count - first) : 4;
    for (int i = 0; i < rest; ++i) store(to[i], values[i]);
  }
};

struct DropQuad {
  DrawKey key;
  std::uint32_t tensor;
  std::size_t count;
  std::size_t quads;
  DropFactor factor;
  float* x;

  __device__ void operator()(std::size_t item) const {
    const std::size_t replicate = item / quads, first = item % quads * 4;
    const auto w = words(key, tensor, replicate, first / 4);
    float* to = x + replicate * count + first;
    const int rest = count - first < 4 ? static_cast<int>(count - first) : 4;
    for (int i = 0; i < rest; ++i) to[i] *= factor(w[static_cast<std::size_t>(i)]);
  }
};

/// One feature of one sequence. Item: (sequence, feature).
struct CorrelateColumn {
  std::size_t length;
  std::size_t width;
  float own;
  float common;
  float mean;
  float* x;

  __device__ void operator()(std::size_t item) const {
    float* column = x + item / width * length * width + item % width;
    float sum = 0;
    for (std::size_t i = 0; i < length; ++i) sum += column[i * width];
    const float shift = (common - own) * (sum / static_cast<float>(length)) + mean;
    for (std::size_t i = 0; i < length; ++i) column[i * width] = own * column[i * width] + shift;
  }
};

/// Rows of the token and the segment table that each place takes. Item: (replicate, sequence, place).
struct ChooseRows {
  DrawKey key;
  std::uint32_t tensor;
  std::size_t length;
  std::size_t rows;  ///< of a replicate
  double vocabulary;
  std::uint64_t* word;
  std::uint8_t* segment;

  __device__ void operator()(std::size_t item) const {
    const std::size_t replicate = item / rows, row = item % rows;
    word[item] = simulate::zipf_word(uniform_at(key, tensor + 3, replicate, row), vocabulary);
    const double split = static_cast<double>(length + 1) * uniform_at(key, tensor + 4, replicate, row / length);
    segment[item] = row % length < static_cast<std::size_t>(split) ? 0 : 1;
  }
};

/// Item: (replicate, sequence, place, feature).
struct AddRows {
  DrawKey key;
  std::uint32_t tensor;
  std::size_t length;
  std::size_t rows;
  std::size_t width;
  bool token, position, segmented;
  float std;
  const std::uint64_t* word;
  const std::uint8_t* segment;
  float* out;

  __device__ void operator()(std::size_t item) const {
    const std::size_t at = item / width, feature = item % width, replicate = at / rows;
    const auto entry = [&](std::uint32_t table, std::uint64_t row) {
      return std * normal_at(key, table, replicate, row * width + feature);
    };
    float sum = 0;
    if (token) sum += entry(tensor, word[at]);
    if (position) sum += entry(tensor + 1, at % rows % length);
    if (segmented) sum += entry(tensor + 2, segment[at]);
    out[item] = sum;
  }
};

std::size_t quads_of(std::size_t count) {
  return (count + 3) / 4;
}

template <class Out>
void write_normals(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, std::size_t count,
                   double std, Out* out) {
  const std::size_t quads = quads_of(count);
  over_items(context, replicates * quads,
             WriteNormals<Out>{key, tensor, count, quads, static_cast<float>(std), out});
}

}  // namespace

void normals(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, std::size_t count, double std,
             float* out) {
  write_normals(context, key, tensor, replicates, count, std, out);
}

void normals(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, std::size_t count, double std,
             Bf16* out) {
  write_normals(context, key, tensor, replicates, count, std, out);
}

void correlate(Context& context, std::size_t sequences, std::size_t length, std::size_t width, double own,
               double common, double mean, float* x) {
  over_items(context, sequences * width,
             CorrelateColumn{length, width, static_cast<float>(own), static_cast<float>(common),
                             static_cast<float>(mean), x});
}

void embed(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, simulate::Tokens tokens,
           std::size_t width, const network::Embedding& embedding, float* out) {
  const auto length = static_cast<std::size_t>(tokens.length), rows = static_cast<std::size_t>(tokens.rows());
  const Buffer<std::uint64_t> word(context, replicates * rows);
  const Buffer<std::uint8_t> segment(context, replicates * rows);
  over_items(context, replicates * rows,
             ChooseRows{key, tensor, length, rows, embedding.vocabulary, word.data(), segment.data()});
  over_items(context, replicates * rows * width,
             AddRows{key, tensor, length, rows, width, embedding.token, embedding.position, embedding.segment,
                     static_cast<float>(embedding.std), word.data(), segment.data(), out});
}

void drop(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, std::size_t count,
          double probability, float* x) {
  const std::size_t quads = quads_of(count);
  over_items(context, replicates * quads, DropQuad{key, tensor, count, quads, drop_factor(probability), x});
}

}  // namespace sigprop::cuda
