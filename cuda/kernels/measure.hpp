// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/context.hpp"
#include "simulate/sample.hpp"

/// The numbers of a sample, with sums in float64 and in an order that depends on shapes alone:
/// within 1e-12 of the CPU's, relative to the sum of the terms' sizes, from the same signal.
namespace sigprop::cuda {

/// A signal (replicates, sequences · length, width).
struct SignalShape {
  std::size_t replicates = 1;
  std::size_t sequences = 1;
  std::size_t length = 1;
  std::size_t width = 1;

  [[nodiscard]] std::size_t size() const { return replicates * sequences * length * width; }
};

/// Sums over pieces of a signal, from which all its numbers follow. They are made in one pass over
/// it.
struct Pieces {
  Buffer<double> columns;  ///< Σ x over 64 tokens of a sequence, by feature
  Buffer<double> squares;  ///< Σ x² over 64 tokens and 64 features
  Buffer<double> ends;     ///< Σ x² of a sequence's first and last token over 64 features
};

[[nodiscard]] Pieces pieces_of(Context& context, const SignalShape& shape, const float* x);

/// y ← skip · x + branch · f, and the pieces of y from the same pass. y may be x or f.
[[nodiscard]] Pieces combine(Context& context, const SignalShape& shape, double skip, const float* x, double branch,
                             const float* f, float* y);

/// Writes mean, second moment, token dot product, cross dot product and ends at their place of
/// every replicate's sample; all but the rank.
void measure(Context& context, const SignalShape& shape, const Pieces& pieces, const simulate::SignalSlots& slots,
             double* samples, std::size_t sample_size);

/// Adds Σ x² over `count` numbers of every replicate to out[replicate · stride].
void add_squared_norm(Context& context, std::size_t replicates, std::size_t count, const float* x, double* out,
                      std::size_t stride);

/// Σ over the features into out (rows).
void row_sums(Context& context, std::size_t rows, std::size_t width, const float* x, double* out);

/// Σ over the tokens of one sequence each into out (replicates · sequences, width), from its
/// pieces.
void column_sums(Context& context, const SignalShape& shape, const Pieces& pieces, double* out);

}  // namespace sigprop::cuda
