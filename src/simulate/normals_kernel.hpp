// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Random123/philox.h>

#include <Eigen/Core>
#include <Random123/uniform.hpp>
#include <cmath>
#include <numbers>

#include "simulate/normals.hpp"

namespace sigprop::simulate {

/// Box and Muller's numbers. The function that contains this one is `flatten`ed: a copy of an
/// inline function that was compiled for a newer processor would otherwise serve the whole program
/// (tests/package/kernels.cmake).
[[gnu::always_inline]] inline void write_normals(const NormalStream& stream, std::uint64_t first, std::ptrdiff_t count,
                                                 float* out) {
  // Whole vector registers only: Eigen's functions give other last bits to a rest that fills none.
  constexpr std::ptrdiff_t register_blocks = 4;
  using Pairs = Eigen::Array<float, Eigen::Dynamic, 1, Eigen::ColMajor, 2 * largest_normal_blocks, 1>;
  const std::ptrdiff_t pairs = 2 * ((count + register_blocks - 1) / register_blocks * register_blocks);
  Pairs angle = Pairs::Constant(pairs, 0.5F), radius = Pairs::Constant(pairs, 0.5F);
  const r123::Philox4x32::key_type key{{stream.key[0], stream.key[1]}};
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    const std::uint64_t block = first + static_cast<std::uint64_t>(i);
    const auto w = r123::Philox4x32()(
        {{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), stream.tensor, stream.replicate}},
        key);
    angle[2 * i] = r123::uneg11<float>(w[0]);
    radius[2 * i] = r123::u01<float>(w[1]);
    angle[2 * i + 1] = r123::uneg11<float>(w[2]);
    radius[2 * i + 1] = r123::u01<float>(w[3]);
  }
  angle *= std::numbers::pi_v<float>;
  radius = -2.0F * radius.log();
  // Not Eigen's root, which begins with a processor's own estimate: its last bits depend on the
  // maker.
  for (std::ptrdiff_t i = 0; i < pairs; ++i) radius[i] = std::sqrt(radius[i]);
  const Pairs sine = angle.sin() * radius, cosine = angle.cos() * radius;
  for (std::ptrdiff_t i = 0; i < 2 * count; ++i) {
    out[2 * i] = sine[i];
    out[2 * i + 1] = cosine[i];
  }
}

}  // namespace sigprop::simulate
