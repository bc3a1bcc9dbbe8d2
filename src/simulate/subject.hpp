// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "sigprop/network/network.hpp"
#include "simulate/sample.hpp"

/// What a walk over a random network is about, for every engine.
namespace sigprop::simulate {

/// One random network with its outline and the layout of its sample.
struct Subject {
  const network::Network& network;
  const network::Outline& outline;
  const Layout& layout;
  double norm_epsilon = 0;  ///< added to the variance under a norm's root
};

inline constexpr std::uint32_t source_tensors = 5;  ///< that one source may use

/// What the backward pass finds again of the forward pass. A kept turn of an outer repeat holds its
/// weights and signals; a recomputed one holds its input, and goes forward once more, with the same
/// random numbers, before it goes backward.
enum class Policy { keep, recompute };

/// Thrown out of a replicate that was asked to stop.
struct Stopped {};

/// B sequences of L tokens: the rows of a signal, sequence by sequence.
struct Tokens {
  std::ptrdiff_t sequences = 1;
  std::ptrdiff_t length = 1;

  [[nodiscard]] std::ptrdiff_t rows() const { return sequences * length; }
};

[[nodiscard]] inline Tokens tokens_of(const network::Network& network) {
  return {static_cast<std::ptrdiff_t>(network.batch), static_cast<std::ptrdiff_t>(network.sequence_length)};
}

/// One expert of a mixture, of which a token takes the `chosen` with the lowest of `count` uniform
/// numbers of its own, or with the largest logits of a router.
struct Expert {
  std::size_t count = 1;
  std::size_t chosen = 1;
  std::size_t index = 0;
};

/// softmax(scale · Q Kᵀ + mask) V of every head and sequence; the projections around it are linear
/// maps. Q (rows, heads · k), K and V (rows of the memory, kv_heads · k): a head's features lie
/// side by side.
struct Heads {
  std::ptrdiff_t heads = 1;
  std::ptrdiff_t kv_heads = 1;
  std::ptrdiff_t width = 1;  ///< k, of one head
  double score_scale = 1;
  double dropout = 0;
  bool causal = false;
  std::uint32_t mask_tensor = 0;  ///< of the dropout mask; element ((sequence · heads + head) · L + row) · L_k + key

  [[nodiscard]] std::ptrdiff_t group() const { return heads / kv_heads; }
};

[[nodiscard]] inline Heads heads_of(const network::Attention& op, std::uint32_t mask_tensor) {
  const auto index = [](std::size_t n) { return static_cast<std::ptrdiff_t>(n); };
  return {index(op.heads), index(op.kv_heads), index(op.head_width),
          op.score_scale,  op.dropout,         op.mask == network::Mask::causal,
          mask_tensor};
}

}  // namespace sigprop::simulate
