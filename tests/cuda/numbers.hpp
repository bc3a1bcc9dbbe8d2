// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "cuda/device.hpp"
#include "simulate/draw.hpp"

/// Numbers that go through a kernel and come back, for its comparison with the CPU.
namespace sigprop::test {

/// Standard normal ones, other ones for each `tensor`.
[[nodiscard]] inline std::vector<float> numbers(std::size_t count, std::uint32_t tensor = 0) {
  std::vector<float> out(count);
  simulate::Draw(1, 0).normals(tensor, 0, static_cast<Eigen::Index>(count), out.data());
  return out;
}

[[nodiscard]] inline simulate::Matrix<float> matrix_of(const std::vector<float>& x, std::size_t begin, std::size_t rows,
                                                       std::size_t columns) {
  return Eigen::Map<const simulate::Matrix<float>>(x.data() + begin, static_cast<Eigen::Index>(rows),
                                                   static_cast<Eigen::Index>(columns));
}

/// The elements of a matrix as they lie.
template <class M>
[[nodiscard]] std::vector<typename M::Scalar> values_of(const M& x) {
  return {x.data(), x.data() + x.size()};
}

/// What write(memory) leaves in the memory of `size` new numbers.
template <class T = float, class Write>
[[nodiscard]] std::vector<T> written(cuda::Context& context, std::size_t size, const Write& write) {
  const cuda::Buffer<T> out(context, size);
  write(out.data());
  return on_host(context, out);
}

/// What change(memory) makes of these numbers in place.
template <class T, class Change>
[[nodiscard]] std::vector<T> changed(cuda::Context& context, const std::vector<T>& x, const Change& change) {
  const cuda::Buffer<T> memory = on_device<T>(context, x);
  change(memory.data());
  return on_host(context, memory);
}

/// To the nearest, ties to even; not for NaN.
[[nodiscard]] inline std::uint16_t nearest_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// Elements that are not the same bits.
template <class T>
[[nodiscard]] std::size_t differing(const std::vector<T>& a, const std::vector<T>& b) {
  using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  REQUIRE(a.size() == b.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += std::bit_cast<Bits>(a[i]) != std::bit_cast<Bits>(b[i]) ? 1 : 0;
  return count;
}

/// Elements that are not those of 32 bits, rounded.
[[nodiscard]] inline std::size_t differing(const std::vector<cuda::Bf16>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a[i].bits != nearest_bf16(b[i]) ? 1 : 0;
  return count;
}

/// The largest |a - b| as a part of what allowed(i) allows; infinite where one is NaN.
template <class A, class B, class Allowed>
[[nodiscard]] double worst(const A& a, const B& b, const Allowed& allowed) {
  REQUIRE(a.size() == b.size());
  double out = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (difference == 0) continue;
    const double part = difference / allowed(i);
    out = std::isnan(part) ? std::numeric_limits<double>::infinity() : std::max(out, part);
  }
  return out;
}

}  // namespace sigprop::test
