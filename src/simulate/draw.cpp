// SPDX-License-Identifier: Apache-2.0
#include "simulate/draw.hpp"

#include <Random123/philox.h>

#include <algorithm>
#include <cmath>

#include "simulate/elementwise.hpp"
#include "simulate/normals.hpp"

namespace sigprop::simulate {
namespace {

constexpr Eigen::Index chunk = 4 * largest_normal_blocks;  ///< elements made at once

/// Calls use(words, count, offset into the request) for the aligned chunks that cover elements
/// first ... first + count - 1.
template <class Make, class Value>
void in_chunks(std::uint64_t first, Eigen::Index count, Value* out, const Make& make) {
  Value buffer[chunk];
  for (Eigen::Index done = 0; done < count;) {
    const std::uint64_t at = first + static_cast<std::uint64_t>(done);
    const std::uint64_t start = at - at % 4;
    const Eigen::Index lead = static_cast<Eigen::Index>(at - start);
    const Eigen::Index wanted = std::min(chunk - lead, count - done);
    make(start / 4, (lead + wanted + 3) / 4, buffer);
    std::copy_n(buffer + lead, wanted, out + done);
    done += wanted;
  }
}

struct Generator {
  r123::Philox4x32::key_type key;
  std::uint32_t tensor;
  std::uint32_t replicate;

  [[nodiscard]] r123::Philox4x32::ctr_type operator()(std::uint64_t block) const {
    return r123::Philox4x32()(
        {{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), tensor, replicate}}, key);
  }
};

Generator generator(std::uint64_t seed, std::uint32_t tensor, std::uint32_t replicate) {
  return {{{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}}, tensor, replicate};
}

/// The kernel for the processor that the program runs on.
Normals& normals_of_this_processor() {
#ifdef SIGPROP_HAS_AVX2_KERNELS
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return normals_avx2;
#endif
  return normals_portable;
}

void best_normals(const NormalStream& stream, std::uint64_t first, std::ptrdiff_t count, float* out) {
  static Normals& best = normals_of_this_processor();
  best(stream, first, count, out);
}

}  // namespace

void Draw::words(std::uint32_t tensor, std::uint64_t first, Eigen::Index count, std::uint32_t* out) const {
  const Generator block_at = generator(seed_, tensor, replicate_);
  in_chunks(first, count, out, [&](std::uint64_t block, Eigen::Index blocks, std::uint32_t* buffer) {
    for (Eigen::Index i = 0; i < blocks; ++i) {
      const auto block_words = block_at(block + static_cast<std::uint64_t>(i));
      for (std::size_t j = 0; j < 4; ++j) buffer[4 * i + static_cast<Eigen::Index>(j)] = block_words[j];
    }
  });
}

void Draw::normals(std::uint32_t tensor, std::uint64_t first, Eigen::Index count, float* out) const {
  const NormalStream stream{
      {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)}, tensor, replicate_};
  in_chunks(first, count, out, [&](std::uint64_t block, Eigen::Index blocks, float* buffer) {
    best_normals(stream, block, blocks, buffer);
  });
}

double Draw::uniform(std::uint32_t tensor, std::uint64_t n) const {
  std::uint32_t pair[2];
  words(tensor, 2 * n, 2, pair);
  return uniform_of(pair[0], pair[1]);
}

template <class T>
Matrix<T> Draw::normal_matrix(Team team, std::uint32_t tensor, Eigen::Index rows, Eigen::Index columns,
                              double std) const {
  Matrix<T> out(rows, columns);
  const Eigen::Index total = out.size();
  constexpr Eigen::Index share = 32 * chunk;
  for_each(team, (total + share - 1) / share, [&](Eigen::Index part) {
    float buffer[chunk];
    const Eigen::Index end = std::min(total, (part + 1) * share);
    for (Eigen::Index first = part * share; first < end; first += chunk) {
      const Eigen::Index count = std::min(chunk, end - first);
      normals(tensor, static_cast<std::uint64_t>(first), count, buffer);
      for (Eigen::Index i = 0; i < count; ++i) out.data()[first + i] = static_cast<T>(std) * static_cast<T>(buffer[i]);
    }
  });
  return out;
}

template <class T>
void Draw::mask(std::uint32_t tensor, std::uint64_t first, double probability, T* factors, Eigen::Index count) const {
  const auto limit = drop_limit(probability);
  const T kept = static_cast<T>(1 / (1 - probability));
  std::uint32_t buffer[chunk];
  for (Eigen::Index done = 0; done < count; done += chunk) {
    const Eigen::Index wanted = std::min(chunk, count - done);
    words(tensor, first + static_cast<std::uint64_t>(done), wanted, buffer);
    for (Eigen::Index i = 0; i < wanted; ++i) factors[done + i] = buffer[i] < limit ? T(0) : kept;
  }
}

template <class T>
void Draw::drop(std::uint32_t tensor, std::uint64_t first, double probability, T* x, Eigen::Index count) const {
  T factors[chunk];
  for (Eigen::Index done = 0; done < count; done += chunk) {
    const Eigen::Index wanted = std::min(chunk, count - done);
    mask(tensor, first + static_cast<std::uint64_t>(done), probability, factors, wanted);
    for (Eigen::Index i = 0; i < wanted; ++i) x[done + i] *= factors[i];
  }
}

template Matrix<float> Draw::normal_matrix(Team, std::uint32_t, Eigen::Index, Eigen::Index, double) const;
template Matrix<double> Draw::normal_matrix(Team, std::uint32_t, Eigen::Index, Eigen::Index, double) const;
template void Draw::mask(std::uint32_t, std::uint64_t, double, float*, Eigen::Index) const;
template void Draw::mask(std::uint32_t, std::uint64_t, double, double*, Eigen::Index) const;
template void Draw::drop(std::uint32_t, std::uint64_t, double, float*, Eigen::Index) const;
template void Draw::drop(std::uint32_t, std::uint64_t, double, double*, Eigen::Index) const;

}  // namespace sigprop::simulate
