// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "measured/statistics.hpp"

namespace sigprop::measured {

/// What a tensor's name says.
struct Meaning {
  std::vector<std::string> weights;  ///< of a fused matrix several, in their order
  std::size_t stack = 0;             ///< 1 for a decoder beside an encoder
  std::size_t layer = 0;             ///< from 1; 0 for none
};

/// Names of weights as the transformers library, timm, nanoGPT and PyTorch's own layers have them.
class Names {
 public:
  /// own: regular expressions and what they mean, before those that are known. Throws
  /// std::runtime_error for one that is none, or that means what there is not.
  explicit Names(const NameMap& own = {});

  /// None for a name that no pattern knows.
  [[nodiscard]] std::optional<Meaning> of(const std::string& tensor) const;
  /// A name that is known and much like one that is not; empty where there is none.
  [[nodiscard]] static std::string nearest(const std::string& tensor);

 private:
  struct Pattern {
    std::regex regex;
    std::vector<std::string> weights;
  };
  std::vector<Pattern> patterns_;
};

/// Where a part of a fused matrix stands. head_width: of the attention that it belongs to.
[[nodiscard]] Region region_of(const Tensor& tensor, const Meaning& meaning, std::size_t part, std::size_t head_width);

}  // namespace sigprop::measured
