// SPDX-License-Identifier: Apache-2.0
#include "cuda/kernels/measure.hpp"

#include "cuda/kernels/sums.cuh"

namespace sigprop::cuda {
namespace {

constexpr std::size_t piece = 64;  // tokens, and features, of a piece: 4 threads of a block share a feature
constexpr int lanes = block_threads / static_cast<int>(piece);

struct Division {
  std::size_t length, width, slabs, tiles;  ///< slabs of a sequence, tiles of the width
};

Division division_of(const SignalShape& shape) {
  return {shape.length, shape.width, (shape.length + piece - 1) / piece, (shape.width + piece - 1) / piece};
}

struct Read {
  const float* x;

  __device__ float operator()(std::size_t i) const { return x[i]; }
};

struct Combine {
  float skip;
  const float* x;
  float branch;
  const float* f;
  float* y;

  __device__ float operator()(std::size_t i) const { return y[i] = skip * x[i] + branch * f[i]; }
};

/// Block: (sequence, slab, tile); thread: (feature of the tile, lane).
template <class Value>
__global__ void sum_pieces(Division division, Value value, double* columns, double* squares, double* ends) {
  __shared__ double sums[lanes][piece];
  const std::size_t tile = blockIdx.x % division.tiles, slab = blockIdx.x / division.tiles % division.slabs;
  const std::size_t sequence = blockIdx.x / division.tiles / division.slabs;
  const std::size_t feature = tile * piece + threadIdx.x;
  const std::size_t end = slab * piece + piece < division.length ? slab * piece + piece : division.length;
  double sum = 0;
  Several<3> square{};  // of all, of the first token, of the last
  if (feature < division.width) {
    for (std::size_t i = slab * piece + threadIdx.y; i < end; i += lanes) {
      const double x = value((sequence * division.length + i) * division.width + feature);
      sum += x;
      square.part[0] += x * x;
      if (i == 0) square.part[1] = x * x;
      if (i + 1 == division.length) square.part[2] = x * x;
    }
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && feature < division.width) {
    for (int lane = 1; lane < lanes; ++lane) sum += sums[lane][threadIdx.x];
    columns[(sequence * division.slabs + slab) * division.width + feature] = sum;
  }
  square = over_block(square);
  if (threadIdx.x > 0 || threadIdx.y > 0) return;
  squares[blockIdx.x] = square.part[0];
  if (slab == 0) ends[2 * sequence * division.tiles + tile] = square.part[1];
  if (end == division.length) ends[(2 * sequence + 1) * division.tiles + tile] = square.part[2];
}

template <class Value>
Pieces sum_all(Context& context, const SignalShape& shape, const Value& value) {
  const Division division = division_of(shape);
  const std::size_t sequences = shape.replicates * shape.sequences;
  const std::size_t blocks = sequences * division.slabs * division.tiles;
  Pieces out{{context, sequences * division.slabs * shape.width},
             {context, blocks},
             {context, 2 * sequences * division.tiles}};
  launch(context, grid_of(blocks), dim3(piece, lanes), sum_pieces<Value>, division, value, out.columns.data(),
         out.squares.data(), out.ends.data());
  return out;
}

__device__ double column_of(const Division& division, const double* columns, std::size_t sequence,
                            std::size_t feature) {
  double sum = 0;
  for (std::size_t slab = 0; slab < division.slabs; ++slab)
    sum += columns[(sequence * division.slabs + slab) * division.width + feature];
  return sum;
}

/// Of one tile of features: Σ x, Σ over sequences of (Σ over tokens x)², and (Σ over sequences and
/// tokens x)². Block: (replicate, tile); thread: (feature of the tile, lane of sequences).
__global__ void sum_columns(Division division, std::size_t sequences, const double* columns, Several<3>* out) {
  __shared__ double sums[lanes][piece];
  const std::size_t tile = blockIdx.x % division.tiles, replicate = blockIdx.x / division.tiles;
  const std::size_t feature = tile * piece + threadIdx.x;
  Several<3> sum{};
  if (feature < division.width) {
    for (std::size_t b = threadIdx.y; b < sequences; b += lanes) {
      const double of_sequence = column_of(division, columns, replicate * sequences + b, feature);
      sum.part[0] += of_sequence;
      sum.part[1] += of_sequence * of_sequence;
    }
  }
  sums[threadIdx.y][threadIdx.x] = sum.part[0];
  __syncthreads();
  if (threadIdx.y == 0) {
    double all = 0;
    for (int lane = 0; lane < lanes; ++lane) all += sums[lane][threadIdx.x];
    sum.part[2] = all * all;
  }
  sum = over_block(sum);
  if (threadIdx.x == 0 && threadIdx.y == 0) out[blockIdx.x] = sum;
}

/// Block: replicate.
__global__ void write_numbers(Division division, std::size_t sequences, const Several<3>* columns,
                              const double* squares, const double* ends, simulate::SignalSlots slots, double* samples,
                              std::size_t sample_size) {
  const std::size_t replicate = blockIdx.x;
  Several<6> sum{};  // Σ x, within, across, Σ x², of the first tokens, of the last
  for (std::size_t tile = threadIdx.x; tile < division.tiles; tile += block_threads) {
    for (int i = 0; i < 3; ++i) sum.part[i] += columns[replicate * division.tiles + tile].part[i];
  }
  const std::size_t pieces = sequences * division.slabs * division.tiles, edges = sequences * division.tiles;
  for (std::size_t i = threadIdx.x; i < pieces; i += block_threads) sum.part[3] += squares[replicate * pieces + i];
  for (std::size_t i = threadIdx.x; i < edges; i += block_threads) {
    const double* of_sequence = ends + (replicate * sequences + i / division.tiles) * 2 * division.tiles;
    sum.part[4] += of_sequence[i % division.tiles];
    sum.part[5] += of_sequence[division.tiles + i % division.tiles];
  }
  sum = over_block(sum);
  if (threadIdx.x > 0) return;
  const double batch = static_cast<double>(sequences), length = static_cast<double>(division.length);
  const double width = static_cast<double>(division.width), elements = batch * length * width;
  double* out = samples + replicate * sample_size + slots.begin;
  out[0] = sum.part[0] / elements;
  out[1] = sum.part[3] / elements;
  out[2] = division.length > 1 ? (sum.part[1] - sum.part[3]) / (elements * (length - 1)) : 0;
  if (slots.cross != 0) out[slots.cross] = (sum.part[2] - sum.part[1]) / (elements * (batch - 1) * length);
  if (slots.ends != 0) {
    out[slots.ends] = sum.part[4] / (batch * width);
    out[slots.ends + 1] = sum.part[5] / (batch * width);
  }
}

struct LoadSquare {
  const float* x;

  __device__ Several<1> operator()(std::size_t i) const {
    const double value = x[i];
    return {{value * value}};
  }
};

struct AddSum {
  double* out;
  std::size_t stride;

  __device__ void operator()(std::size_t replicate, const Several<1>& sum) const {
    out[replicate * stride] += sum.part[0];
  }
};

/// Block: row.
__global__ void sum_rows(std::size_t width, const float* x, double* out) {
  double sum = 0;
  for (std::size_t j = threadIdx.x; j < width; j += block_threads) sum += x[blockIdx.x * width + j];
  sum = over_threads<block_threads>(sum);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

struct WriteColumn {
  Division division;
  const double* columns;
  double* out;

  __device__ void operator()(std::size_t item) const {
    out[item] = column_of(division, columns, item / division.width, item % division.width);
  }
};

}  // namespace

Pieces pieces_of(Context& context, const SignalShape& shape, const float* x) {
  return sum_all(context, shape, Read{x});
}

Pieces combine(Context& context, const SignalShape& shape, double skip, const float* x, double branch, const float* f,
               float* y) {
  return sum_all(context, shape, Combine{static_cast<float>(skip), x, static_cast<float>(branch), f, y});
}

void measure(Context& context, const SignalShape& shape, const Pieces& pieces, const simulate::SignalSlots& slots,
             double* samples, std::size_t sample_size) {
  const Division division = division_of(shape);
  const Buffer<Several<3>> columns(context, shape.replicates * division.tiles);
  launch(context, grid_of(shape.replicates * division.tiles), dim3(piece, lanes), sum_columns, division,
         shape.sequences, pieces.columns.data(), columns.data());
  launch(context, grid_of(shape.replicates), dim3(block_threads), write_numbers, division, shape.sequences,
         columns.data(), pieces.squares.data(), pieces.ends.data(), slots, samples, sample_size);
}

void add_squared_norm(Context& context, std::size_t replicates, std::size_t count, const float* x, double* out,
                      std::size_t stride) {
  sum_over(context, replicates, count, LoadSquare{x}, AddSum{out, stride});
}

void row_sums(Context& context, std::size_t rows, std::size_t width, const float* x, double* out) {
  launch(context, grid_of(rows), dim3(block_threads), sum_rows, width, x, out);
}

void column_sums(Context& context, const SignalShape& shape, const Pieces& pieces, double* out) {
  over_items(context, shape.replicates * shape.sequences * shape.width,
             WriteColumn{division_of(shape), pieces.columns.data(), out});
}

}  // namespace sigprop::cuda
