// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "cuda/context.hpp"
#include "sigprop/network/router.hpp"

/// How a router weighs the experts of every token, as simulate/route.hpp has it: matrices (rows,
/// experts) of all replicates' tokens.
namespace sigprop::cuda {

/// The weights of a row's `chosen` largest logits, 0 for the others.
void route(Context& context, std::size_t rows, std::size_t experts, network::Router router, std::size_t chosen,
           const float* logits, float* weights);

/// The gradient at the weights becomes that at the logits.
void route_backward(Context& context, std::size_t rows, std::size_t experts, network::Router router,
                    const float* logits, const float* weights, float* g);

/// out (rows, width): every row of y times its weight of the expert.
void weigh(Context& context, std::size_t rows, std::size_t width, std::size_t experts, std::size_t expert,
           const float* weights, const float* y, float* out);

/// The products of the rows of a and b (rows, width), in the expert's column.
void put_dots(Context& context, std::size_t rows, std::size_t width, std::size_t experts, std::size_t expert,
              const float* a, const float* b, float* into);

}  // namespace sigprop::cuda
