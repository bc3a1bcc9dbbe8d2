// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/context.hpp"
#include "sigprop/network/network.hpp"

/// LayerNorm and RMSNorm by row, gain 1 and bias 0. Sums over a row are taken in float32 in a fixed
/// tree. Where |mean| of a row is at most
/// 100 of its standard deviations, y lies within 1e-5 of the row's largest |y| of simulate::normalize's, and the gradient within 1e-5 of
/// its largest |g| · inverse_scale; 3e-7 was seen. Beyond, both lose digits alike: x - mean
/// cancels.
namespace sigprop::cuda {

/// y = (x - mean) / √(var + ε); inverse_scale (rows) takes 1/√(var + ε). RMSNorm leaves the mean.
void normalize(Context& context, network::NormKind kind, double epsilon, std::size_t rows, std::size_t columns,
               const float* x, float* y, float* inverse_scale);

/// g ← (g - mean(g) - y mean(g ∘ y)) · inverse_scale; RMSNorm has no mean(g).
void normalize_backward(Context& context, network::NormKind kind, std::size_t rows, std::size_t columns, const float* y,
                        const float* inverse_scale, float* g);

}  // namespace sigprop::cuda
