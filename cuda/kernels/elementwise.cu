// SPDX-License-Identifier: Apache-2.0
#include "cuda/kernels/elementwise.hpp"

#include "cuda/kernels/bf16.cuh"
#include "cuda/kernels/launch.cuh"
#include "simulate/elementwise.hpp"

namespace sigprop::cuda {
namespace {

template <class F>
struct Activate {
  F function;
  const float* x;
  float* to_value;
  float* to_derivative;

  __device__ simulate::Slope<float> value(std::size_t i) const { return function(x[i]); }
  __device__ void put(std::size_t i, const simulate::Slope<float>& slope) const {
    to_value[i] = slope.value;
    to_derivative[i] = slope.derivative;
  }
};

struct Multiply {
  const float* a;
  const float* b;
  float* out;

  __device__ float value(std::size_t i) const { return a[i] * b[i]; }
  __device__ void put(std::size_t i, float value) const { out[i] = value; }
};

struct Scale {
  float factor;
  const float* x;
  float* out;

  __device__ float value(std::size_t i) const { return factor * x[i]; }
  __device__ void put(std::size_t i, float value) const { out[i] = value; }
};

struct AddBias {
  std::uint32_t rows;  ///< of a batch element
  std::uint32_t columns;
  const float* bias;
  float* y;

  __device__ void operator()(std::uint32_t row, std::uint32_t lane) const {
    const float* from = bias + std::size_t{row / rows} * columns;
    float* to = y + std::size_t{row} * columns;
    for (std::uint32_t j = lane; j < columns; j += warp) to[j] += from[j];
  }
};

struct ToBf16 {
  const float* x;
  Bf16* out;

  __device__ float value(std::size_t i) const { return x[i]; }
  __device__ void put(std::size_t i, float value) const { store(out[i], value); }
};

struct ToDouble {
  std::size_t count;
  std::size_t stride;
  const float* x;
  double* out;

  __device__ void operator()(std::size_t element, std::size_t i) const {
    out[element * count + i] = x[element * stride + i];
  }
};

/// One token: an angle is that of all its heads.
struct Rotate {
  std::uint32_t length;
  std::uint32_t heads;
  std::uint32_t width;
  std::uint32_t turned;
  double base;
  double direction;
  float* x;

  __device__ void operator()(std::uint32_t token, std::uint32_t lane) const {
    const std::uint32_t half = turned / 2;
    for (std::uint32_t f = lane; f < half; f += warp) {
      const double exponent = -2.0 * static_cast<double>(f) / static_cast<double>(turned);
      const double angle = direction * static_cast<double>(token % length) * pow(base, exponent);
      const float cosine = static_cast<float>(cos(angle)), sine = static_cast<float>(sin(angle));
      for (std::uint32_t head = 0; head < heads; ++head) {
        float* pair = x + (std::size_t{token} * heads + head) * width + f;
        const float a = pair[0], b = pair[half];
        pair[0] = a * cosine - b * sine;
        pair[half] = a * sine + b * cosine;
      }
    }
  }
};

}  // namespace

void activate(Context& context, network::ActivationKind kind, std::size_t count, const float* x, float* value,
              float* derivative) {
  simulate::with_activation(kind, [&](const auto& function) {
    using F = std::decay_t<decltype(function)>;
    map_items(context, count, Activate<F>{function, x, value, derivative});
  });
}

void multiply(Context& context, std::size_t count, const float* by, float* x) {
  map_items(context, count, Multiply{x, by, x});
}

void product(Context& context, std::size_t count, const float* a, const float* b, float* out) {
  map_items(context, count, Multiply{a, b, out});
}

void scale(Context& context, std::size_t count, double factor, const float* x, float* out) {
  map_items(context, count, Scale{static_cast<float>(factor), x, out});
}

void add_bias(Context& context, std::size_t batch, std::size_t rows, std::size_t columns, const float* bias, float* y) {
  over_rows(context, batch * rows, AddBias{small(rows), small(columns), bias, y});
}

void convert(Context& context, std::size_t count, const float* x, Bf16* out) {
  map_items(context, count, ToBf16{x, out});
}

void convert(Context& context, std::size_t batch, std::size_t count, std::size_t stride, const float* x, double* out) {
  over_replicates(context, batch, count, ToDouble{count, stride, x, out});
}

void rotate(Context& context, std::size_t tokens, std::size_t length, std::size_t heads, std::size_t width,
            std::size_t turned, double base, bool backward, float* x) {
  over_rows(context, tokens,
            Rotate{small(length), small(heads), small(width), small(turned), base, backward ? -1.0 : 1.0, x});
}

}  // namespace sigprop::cuda
