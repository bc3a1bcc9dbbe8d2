// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulate/matrix.hpp"

namespace sigprop::simulate {

/// All random numbers of one replicate. Element n of tensor t is a function of (seed, replicate, t,
/// n) alone: word n mod 4 of Philox4x32-10 (Random123) with the key (seed low, seed high) and the
/// counter (⌊n/4⌋ low, ⌊n/4⌋ high, t, replicate). A normal number is made in float32 from a pair of
/// words by Box and Muller, also for a network that computes in float64: both are one network.
class Draw {
 public:
  Draw(std::uint64_t seed, std::uint32_t replicate) : seed_(seed), replicate_(replicate) {}

  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  [[nodiscard]] std::uint32_t replicate() const { return replicate_; }

  /// count words of a tensor from element `first` on.
  void words(std::uint32_t tensor, std::uint64_t first, Eigen::Index count, std::uint32_t* out) const;

  /// Standard normal numbers; their size is at most 6.8.
  void normals(std::uint32_t tensor, std::uint64_t first, Eigen::Index count, float* out) const;

  /// Uniform in (0, 1), with the 53 bits of two words: elements 2n and 2n + 1 of the tensor.
  [[nodiscard]] double uniform(std::uint32_t tensor, std::uint64_t n) const;

  /// (rows, columns) of N(0, std²), element row · columns + column.
  template <class T>
  [[nodiscard]] Matrix<T> normal_matrix(Team team, std::uint32_t tensor, Eigen::Index rows, Eigen::Index columns,
                                        double std) const;

  /// Dropout: the factors of elements `first`, `first` + 1, ... of the tensor, 0 with the given
  /// probability and else 1/(1 - probability).
  template <class T>
  void mask(std::uint32_t tensor, std::uint64_t first, double probability, T* factors, Eigen::Index count) const;

  /// Multiplies by these factors.
  template <class T>
  void drop(std::uint32_t tensor, std::uint64_t first, double probability, T* x, Eigen::Index count) const;

 private:
  std::uint64_t seed_;
  std::uint32_t replicate_;
};

}  // namespace sigprop::simulate
