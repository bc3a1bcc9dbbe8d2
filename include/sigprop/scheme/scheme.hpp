// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sigprop/network/stack.hpp"

namespace sigprop::scheme {

/// Sizes that a scheme's standard deviations depend on.
struct Sizes {
  double layers = 1;
  double width = 1;
  double heads = 1;
  double head_width = 1;
  double ffn_width = 1;
};

/// An initialization scheme: standard deviations by weight class.
struct Scheme {
  std::string name;
  std::string formula;
  std::string source;
  std::function<network::LayerStd(const Sizes&)> weights;
  std::function<std::optional<double>(const Sizes&)> embedding;  ///< absent where the scheme does not say
};

/// All schemes, in the order they are listed to a user.
[[nodiscard]] const std::vector<Scheme>& schemes();

/// The scheme of that name, or nullptr.
[[nodiscard]] const Scheme* find(const std::string& name);

}  // namespace sigprop::scheme
