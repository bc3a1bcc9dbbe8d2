// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sigprop/network/network.hpp"

namespace sigprop::simulate {

/// The words of all tokens of a network, sequence by sequence, where they do not follow Zipf's law
/// of exponent 1: those of another exponent, or of as many different sequences of a text. Else
/// none. Drawn from a tensor of the replicate; both engines read them.
[[nodiscard]] std::vector<std::uint64_t> given_words(std::uint64_t seed, std::uint32_t replicate, std::uint32_t tensor,
                                                     std::size_t sequences, std::size_t length,
                                                     const network::Embedding& embedding);

}  // namespace sigprop::simulate
