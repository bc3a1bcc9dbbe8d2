// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "cuda/context.hpp"
#include "simulate/subject.hpp"

/// Random numbers and what is made of them alone. Words, and so uniform numbers, masks and the
/// choice of words and segments, are those of simulate::Draw to the bit. Normal numbers differ from
/// the CPU's by at most 2.5e-6 · std: 1.5e-6 are NVIDIA's limits for sine, cosine and logarithm,
/// the rest the CPU's own error; 1e-6 was seen over 6.7e7 numbers, with the host's functions.
namespace sigprop::cuda {

/// Replicate r of a batch is replicate first_replicate + r of the seed.
struct DrawKey {
  std::uint64_t seed = 0;
  std::uint32_t first_replicate = 0;
};

/// (replicates, count) of N(0, std²), replicate by replicate.
void normals(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, std::size_t count, double std,
             float* out);
/// The same, rounded.
void normals(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, std::size_t count, double std,
             Bf16* out);

/// x (sequences, length, width) of standard normal numbers becomes own · x + (common - own) x̄ +
/// mean, x̄ the mean over a sequence.
void correlate(Context& context, std::size_t sequences, std::size_t length, std::size_t width, double own,
               double common, double mean, float* x);

/// Every sequence of z, `rows` of width numbers in all, from the left times root (length, length).
void mix_tokens(Context& context, std::size_t rows, std::size_t length, std::size_t width,
                const std::vector<double>& root, const float* z, float* out);

/// Sum of embedding tables, as simulate::embedded_tokens describes it: (replicates, sequences,
/// length, width). words: of every token, where they are not drawn by Zipf's law.
void embed(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, simulate::Tokens tokens,
           std::size_t width, const network::Embedding& embedding, const std::vector<std::uint64_t>& words, float* out);

/// Class tokens and positions, as simulate::add_tables describes them, in x (replicates, sequences,
/// length, width).
void add_tables(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, simulate::Tokens tokens,
                std::size_t width, const network::GivenInput& input, float* x);

/// Rows of x (rows, width) whose token, row modulo length, has the flag 0 become 0.
void keep_tokens(Context& context, std::size_t rows, std::size_t length, std::size_t width, const std::uint8_t* flags,
                 float* x);

/// Dropout on (replicates, count); out may be x.
void drop(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, std::size_t count,
          double probability, const float* x, float* out);

/// Rows of x (replicates, rows, width) whose tokens do not take the expert become 0; element row ·
/// count + e of the tensor is a row's number of expert e.
void choose(Context& context, DrawKey key, std::uint32_t tensor, std::size_t replicates, std::size_t rows,
            std::size_t width, const simulate::Expert& expert, float* x);

}  // namespace sigprop::cuda
