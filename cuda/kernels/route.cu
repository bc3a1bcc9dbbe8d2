// SPDX-License-Identifier: Apache-2.0
#include "cuda/kernels/route.hpp"

#include "cuda/kernels/launch.cuh"
#include "simulate/elementwise.hpp"

namespace sigprop::cuda {
namespace {

/// Σ a b, the same in every lane.
__device__ float dot(const float* a, const float* b, std::uint32_t count, std::uint32_t lane) {
  float sum = 0;
  for (std::uint32_t i = lane; i < count; i += warp) sum += a[i] * b[i];
  return over_warp(sum);
}

__device__ float largest(const float* numbers, std::uint32_t count) {
  float out = numbers[0];
  for (std::uint32_t i = 1; i < count; ++i) out = numbers[i] > out ? numbers[i] : out;
  return out;
}

/// One row; a lane has every 32nd expert.
struct Route {
  std::uint32_t experts;
  network::Router router;
  std::size_t chosen;
  const float* logits;
  float* weights;

  __device__ void operator()(std::uint32_t row, std::uint32_t lane) const {
    const float* from = logits + std::size_t{row} * experts;
    float* to = weights + std::size_t{row} * experts;
    const float highest = largest(from, experts);
    float sum = 0;
    for (std::uint32_t e = lane; e < experts; e += warp) {
      const bool taken =
          simulate::is_routed_to({experts, chosen, e}, [from](std::size_t other) { return from[other]; });
      const float size = simulate::size_of_choice(router, from[e], highest);
      to[e] = taken ? size : 0.0F;
      if (taken || router == network::Router::softmax_over_all) sum += size;
    }
    sum = over_warp(sum);
    if (router == network::Router::plain_sigmoid) return;
    for (std::uint32_t e = lane; e < experts; e += warp) to[e] /= sum;
  }
};

/// One row.
struct RouteBackward {
  std::uint32_t experts;
  network::Router router;
  const float* logits;
  const float* weights;
  float* g;

  __device__ void operator()(std::uint32_t row, std::uint32_t lane) const {
    const float* w = weights + std::size_t{row} * experts;
    float* to = g + std::size_t{row} * experts;
    const float* z = logits + std::size_t{row} * experts;
    const float mean = dot(w, to, experts, lane);
    const bool shares = router == network::Router::softmax_over_all;  // no other needs the softmax over all
    const float highest = shares ? largest(z, experts) : 0;
    float all = 0;
    for (std::uint32_t e = lane; shares && e < experts; e += warp) all += expf(z[e] - highest);
    all = over_warp(all);
    for (std::uint32_t e = lane; e < experts; e += warp) {
      const float share = shares ? expf(z[e] - highest) / all : 0;
      to[e] = simulate::at_logit(router, z[e], share, w[e], to[e], mean);
    }
  }
};

/// One row.
struct Weigh {
  std::uint32_t width;
  std::uint32_t experts;
  std::uint32_t expert;
  const float* weights;
  const float* y;
  float* out;

  __device__ void operator()(std::uint32_t row, std::uint32_t lane) const {
    const float weight = weights[std::size_t{row} * experts + expert];
    const std::size_t first = std::size_t{row} * width;
    for (std::uint32_t i = lane; i < width; i += warp) out[first + i] = weight * y[first + i];
  }
};

/// One row.
struct PutDots {
  std::uint32_t width;
  std::uint32_t experts;
  std::uint32_t expert;
  const float* a;
  const float* b;
  float* into;

  __device__ void operator()(std::uint32_t row, std::uint32_t lane) const {
    const std::size_t first = std::size_t{row} * width;
    const float sum = dot(a + first, b + first, width, lane);
    if (lane == 0) into[std::size_t{row} * experts + expert] = sum;
  }
};

}  // namespace

void route(Context& context, std::size_t rows, std::size_t experts, network::Router router, std::size_t chosen,
           const float* logits, float* weights) {
  over_rows(context, rows, Route{small(experts), router, chosen, logits, weights});
}

void route_backward(Context& context, std::size_t rows, std::size_t experts, network::Router router,
                    const float* logits, const float* weights, float* g) {
  over_rows(context, rows, RouteBackward{small(experts), router, logits, weights, g});
}

void weigh(Context& context, std::size_t rows, std::size_t width, std::size_t experts, std::size_t expert,
           const float* weights, const float* y, float* out) {
  over_rows(context, rows, Weigh{small(width), small(experts), small(expert), weights, y, out});
}

void put_dots(Context& context, std::size_t rows, std::size_t width, std::size_t experts, std::size_t expert,
              const float* a, const float* b, float* into) {
  over_rows(context, rows, PutDots{small(width), small(experts), small(expert), a, b, into});
}

}  // namespace sigprop::cuda
