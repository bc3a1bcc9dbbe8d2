// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/network/stack.hpp"
#include "spec/rule.hpp"

namespace sigprop::spec {

/// What a spec describes.
struct Lowered {
  network::Network network;
  std::vector<network::Stack> stacks;  ///< behind the network, the encoder first; none for components
  double truncation = 0;               ///< where the scheme cuts its normal, in standard deviations; 0 for nowhere
  std::vector<std::string> files;      ///< that the input names
};

/// The network of a spec that keeps the grammar. What breaks a rule across fields is appended to
/// `errors`; the network is then incomplete and must not be used. folder: as of read_text().
[[nodiscard]] Lowered lower(const Json& spec, const std::string& folder, std::vector<std::string>& errors);

}  // namespace sigprop::spec
