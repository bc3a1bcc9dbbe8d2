// SPDX-License-Identifier: Apache-2.0
#include "cuda/kernels/draw.hpp"

#include "cuda/kernels/bf16.cuh"
#include "cuda/kernels/philox.cuh"

namespace sigprop::cuda {
namespace {

/// Elements 4q ... 4q + 3 of a replicate: one call of Philox.
template <class Out>
struct WriteNormals {
  DrawKey key;
  std::uint32_t tensor;
  std::size_t count;
  float std;
  Out* out;

  __device__ void operator()(std::size_t replicate, std::size_t q) const {
    const std::size_t first = 4 * q;
    const auto w = words(key, tensor, replicate, q);
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
  DropFactor factor;
  const float* x;
  float* out;

  __device__ void operator()(std::size_t replicate, std::size_t q) const {
    const std::size_t first = replicate * count + 4 * q;
    const auto w = words(key, tensor, replicate, q);
    float values[4];
#pragma unroll
    for (std::size_t i = 0; i < 4; ++i) values[i] = 4 * q + i < count ? x[first + i] * factor(w[i]) : 0.0F;
#pragma unroll
    for (std::size_t i = 0; i < 4; ++i) {
      if (4 * q + i < count) out[first + i] = values[i];
    }
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

/// One place of one sequence: its row of `root` times the sequence's tokens z.
struct MixTokens {
  std::uint32_t length;
  std::uint32_t width;
  const float* root;
  const float* z;
  float* out;

  __device__ void operator()(std::uint32_t at, std::uint32_t lane) const {
    const std::uint32_t place = at % length;
    const float* tokens = z + std::size_t{at - place} * width;
    for (std::uint32_t feature = lane; feature < width; feature += warp) {
      float sum = 0;
      for (std::uint32_t j = 0; j < length; ++j)
        sum += root[std::size_t{place} * length + j] * tokens[std::size_t{j} * width + feature];
      out[std::size_t{at} * width + feature] = sum;
    }
  }
};

/// Rows of the token and the segment table that each place takes.
struct ChooseRows {
  DrawKey key;
  std::uint32_t tensor;
  std::size_t length;
  std::size_t rows;  ///< of a replicate
  double vocabulary;
  int segments;
  bool words_given;
  std::uint64_t* word;
  std::uint8_t* segment;

  __device__ void operator()(std::size_t replicate, std::size_t row) const {
    if (!words_given)
      word[replicate * rows + row] = simulate::zipf_word(uniform_at(key, tensor + 3, replicate, row), vocabulary);
    const double split = static_cast<double>(length + 1) * uniform_at(key, tensor + 4, replicate, row / length);
    segment[replicate * rows + row] = segments < 2 || row % length < static_cast<std::size_t>(split) ? 0 : 1;
  }
};

/// One place of one sequence.
struct AddRows {
  DrawKey key;
  std::uint32_t tensor;
  std::uint32_t length;
  std::uint32_t rows;  ///< of a replicate
  std::uint32_t width;
  float token, position, segmented;  ///< deviations of the tables, 0 without one
  const std::uint64_t* word;
  const std::uint8_t* segment;
  float* out;

  __device__ void operator()(std::uint32_t at, std::uint32_t lane) const {
    const std::uint32_t replicate = at / rows, place = at % rows % length;
    for (std::uint32_t feature = lane; feature < width; feature += warp) {
      const auto entry = [&](float std, std::uint32_t table, std::uint64_t row) {
        return std * normal_at(key, table, replicate, row * width + feature);
      };
      float sum = 0;
      if (token > 0) sum += entry(token, tensor, word[at]);
      if (position > 0) sum += entry(position, tensor + 1, place);
      if (segmented > 0) sum += entry(segmented, tensor + 2, segment[at]);
      out[std::size_t{at} * width + feature] = sum;
    }
  }
};

/// One place of one sequence.
struct AddTables {
  DrawKey key;
  std::uint32_t tensor;
  std::uint32_t length;
  std::uint32_t rows;  ///< of a replicate
  std::uint32_t width;
  std::uint32_t class_tokens;
  float class_std, position;
  float* x;

  __device__ void operator()(std::uint32_t at, std::uint32_t lane) const {
    const std::uint32_t replicate = at / rows, place = at % rows % length;
    for (std::uint32_t feature = lane; feature < width; feature += warp) {
      const auto entry = [&](float std, std::uint32_t table) {
        return std * normal_at(key, table, replicate, std::uint64_t{place} * width + feature);
      };
      float& value = x[std::size_t{at} * width + feature];
      if (place < class_tokens) value = entry(class_std, tensor + 1);
      if (position > 0) value += entry(position, tensor + 2);
    }
  }
};

/// One row.
struct KeepTokens {
  std::uint32_t length;
  std::uint32_t width;
  const std::uint8_t* flags;
  float* x;

  __device__ void operator()(std::uint32_t at, std::uint32_t lane) const {
    if (flags[at % length] != 0) return;
    for (std::uint32_t feature = lane; feature < width; feature += warp) x[std::size_t{at} * width + feature] = 0;
  }
};

/// One row.
struct Choose {
  DrawKey key;
  std::uint32_t tensor;
  std::uint32_t rows;  ///< of a replicate
  std::uint32_t width;
  simulate::Expert expert;
  float* x;

  __device__ void operator()(std::uint32_t at, std::uint32_t lane) const {
    const std::uint64_t first = std::uint64_t{at % rows} * expert.count;
    const auto uniform = [&](std::size_t e) { return uniform_at(key, tensor, at / rows, first + e); };
    if (simulate::takes(expert, uniform)) return;
    for (std::uint32_t feature = lane; feature < width; feature += warp) x[std::size_t{at} * width + feature] = 0;
  }
};

std::size_t quads_of(std::size_t count) {
  return (count + 3) / 4;
}

template <class Out>
void write_normals(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, std::size_t count,
                   double std, Out* out) {
  over_replicates(context, replicates, quads_of(count),
                  WriteNormals<Out>{key, tensor, count, static_cast<float>(std), out});
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
  over_items(
      context, sequences * width,
      CorrelateColumn{length, width, static_cast<float>(own), static_cast<float>(common), static_cast<float>(mean), x});
}

void mix_tokens(Context& context, std::size_t rows, std::size_t length, std::size_t width,
                const std::vector<double>& root, const float* z, float* out) {
  const std::vector<float> single(root.begin(), root.end());
  const Buffer<float> on_device(context, single.size());
  context.upload(on_device.data(), single.data(), on_device.bytes());
  over_rows(context, rows, MixTokens{small(length), small(width), on_device.data(), z, out});
}

void embed(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, simulate::Tokens tokens,
           std::size_t width, const network::Embedding& embedding, const std::vector<std::uint64_t>& words,
           float* out) {
  const auto length = static_cast<std::size_t>(tokens.length), rows = static_cast<std::size_t>(tokens.rows());
  const Buffer<std::uint64_t> word(context, replicates * rows);
  const Buffer<std::uint8_t> segment(context, replicates * rows);
  if (!words.empty()) context.upload(word.data(), words.data(), word.bytes());
  over_replicates(context, replicates, rows,
                  ChooseRows{key, tensor, length, rows, static_cast<double>(embedding.vocabulary), embedding.segments,
                             !words.empty(), word.data(), segment.data()});
  const auto std = [](const network::BasicTable<double>& table) {
    return table.used ? static_cast<float>(table.std) : 0.0F;
  };
  over_rows(context, replicates * rows,
            AddRows{key, tensor, small(length), small(rows), small(width), std(embedding.token),
                    std(embedding.position), std(embedding.segment), word.data(), segment.data(), out});
}

void add_tables(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, simulate::Tokens tokens,
                std::size_t width, const network::GivenInput& input, float* x) {
  const auto length = static_cast<std::size_t>(tokens.length), rows = static_cast<std::size_t>(tokens.rows());
  over_rows(context, replicates * rows,
            AddTables{key, tensor, small(length), small(rows), small(width), small(input.class_tokens),
                      static_cast<float>(input.class_std),
                      input.position.used ? static_cast<float>(input.position.std) : 0.0F, x});
}

void keep_tokens(Context& context, std::size_t rows, std::size_t length, std::size_t width, const std::uint8_t* flags,
                 float* x) {
  over_rows(context, rows, KeepTokens{small(length), small(width), flags, x});
}

void choose(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, std::size_t rows,
            std::size_t width, const simulate::Expert& expert, float* x) {
  over_rows(context, replicates * rows, Choose{key, tensor, small(rows), small(width), expert, x});
}

void drop(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, std::size_t count,
          double probability, const float* x, float* out) {
  over_replicates(context, replicates, quads_of(count), DropQuad{key, tensor, count, drop_factor(probability), x, out});
}

}  // namespace sigprop::cuda
