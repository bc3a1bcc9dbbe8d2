// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sigprop/network/network.hpp"
#include "simulate/draw.hpp"
#include "simulate/matrix.hpp"

namespace sigprop::simulate {

/// Tokens of the products given, or of mean, variance and token correlation r in [-1/(L-1), 1],
/// sequences independent whatever their cross correlation: x_i =
/// mean + std (√(1-r) (z_i - z̄) + √(1 + (L-1) r) z̄), z of `tensor` and z̄ its mean over a
/// sequence's tokens.
template <class T>
[[nodiscard]] Matrix<T> correlated_tokens(Team team, const Draw& draw, std::uint32_t tensor, Tokens tokens,
                                          Eigen::Index width, const network::GivenInput& moments);

/// Puts rows of a table drawn from `tensor` + 1 in the place of the class tokens, the same in every
/// sequence, and adds rows of a position table drawn from `tensor` + 2.
template <class T>
void add_tables(const Draw& draw, std::uint32_t tensor, Tokens tokens, const network::GivenInput& input, Matrix<T>& x);

/// Leaves the rows of these tokens of every sequence, the others become 0.
template <class T>
void keep_tokens(const std::vector<std::size_t>& kept, Tokens tokens, Matrix<T>& x);

/// Sum of embedding tables, drawn from `tensor` on: token table, position table, segment table,
/// words, places of the second segment. Words follow Zipf's law, independently, unless they are
/// given; of two segments each sequence has one place, uniform in 0..L, at which its second begins.
template <class T>
[[nodiscard]] Matrix<T> embedded_tokens(const Draw& draw, std::uint32_t tensor, Tokens tokens, Eigen::Index width,
                                        const network::Embedding& embedding);

}  // namespace sigprop::simulate
