// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sigprop/network/gram.hpp"
#include "sigprop/network/words.hpp"

/// Files that the input of a spec names. A relative name lies in `folder`, that of the spec, which
/// ends in / or is empty. What is wrong is appended to `errors`, and nothing returned. Messages
/// never show what a file that was not written for sigprop holds.
namespace sigprop::spec {

[[nodiscard]] std::string path_in(const std::string& folder, const std::string& file);

/// Sequences of token ids: lists in JSON, or rows of an .npy array; one list of numbers is cut into
/// sequences of `length`. In any other file every line is a sequence.
[[nodiscard]] std::shared_ptr<const network::Text> read_words(const std::string& folder, const std::string& file,
                                                              std::size_t length, std::size_t vocabulary,
                                                              std::vector<std::string>& errors);

/// Products of `length` tokens, a square in JSON or .npy.
[[nodiscard]] std::shared_ptr<const network::Gram> read_gram(const std::string& folder, const std::string& file,
                                                             std::size_t length, std::vector<std::string>& errors);

}  // namespace sigprop::spec
