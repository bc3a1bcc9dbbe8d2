// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/context.hpp"
#include "sigprop/network/network.hpp"

/// Element by element, `count` of them; float32. Activations are simulate's own functions, compiled
/// for the device: sums, products and roots are equal to the CPU's to the bit, exp, erfc and tanh
/// within 4 units in the last place (the limits of CUDA's functions).
namespace sigprop::cuda {

/// value ← φ(x), derivative ← φ'(x).
void activate(Context& context, network::ActivationKind kind, std::size_t count, const float* x, float* value,
              float* derivative);

/// x ← x ∘ by.
void multiply(Context& context, std::size_t count, const float* by, float* x);

/// out ← a ∘ b.
void product(Context& context, std::size_t count, const float* a, const float* b, float* out);

/// out ← factor · x.
void scale(Context& context, std::size_t count, double factor, const float* x, float* out);

/// y (batch, rows, columns) ← y + bias (batch, columns).
void add_bias(Context& context, std::size_t batch, std::size_t rows, std::size_t columns, const float* bias, float* y);

/// Numbers in another type.
void convert(Context& context, std::size_t count, const float* x, Bf16* out);

/// out (batch, count) of float64 from x, whose batch elements are `stride` apart.
void convert(Context& context, std::size_t batch, std::size_t count, std::size_t stride, const float* x, double* out);

/// Rotary positions in place on (batch · length tokens, heads · width): features f and f + width/2
/// of token i of its sequence turn by the angle i · base^(-2f/width), backward by its negative.
/// Angles in float64, as on the CPU.
void rotate(Context& context, std::size_t tokens, std::size_t length, std::size_t heads, std::size_t width,
            std::size_t turned, double base, bool backward, float* x);

}  // namespace sigprop::cuda
