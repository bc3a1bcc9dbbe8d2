// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

#include "sigprop/network/network.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::predict {

/// Which formulas: as published (arXiv:2403.09635), or ours where those err.
enum class Theory { paper, full };

/// A model that the reader accepts and the theory does not cover. what(): the component and "is not covered by this theory yet".
class NotCovered : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Moments of every point of the network by formula, forward then backward, with layer metrics, depth laws and verdicts.
/// Values beyond double's range carry their log10. Time and memory are linear in depth.
/// Throws NotCovered, and std::domain_error where a formula's domain is left (a norm of a signal that is 0).
[[nodiscard]] profile::Profile predict(const network::Network& network, Theory theory);

}  // namespace sigprop::predict
