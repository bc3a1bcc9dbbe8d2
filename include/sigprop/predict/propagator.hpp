// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "sigprop/network/network.hpp"

namespace sigprop::predict {

/// A signal that goes forward one list of components at a time, by the theory `full` in double: for
/// those who choose the next components by what has become of the signal. What was tabulated for
/// one list serves the next.
class Propagator {
 public:
  /// Starts at the model's point "input"; its stacks are not read. mask: that of the attentions to
  /// come; behind a causal one tokens differ.
  Propagator(const network::Network& model, network::Mask mask);
  Propagator(const Propagator&) = delete;
  Propagator& operator=(const Propagator&) = delete;
  ~Propagator();

  /// Variance that the signal would have after the list. Throws NotCovered and std::domain_error
  /// like predict().
  [[nodiscard]] double variance_after(const std::vector<network::Component>& list);

  /// Takes the signal through the list. Throws likewise.
  void advance(const std::vector<network::Component>& list);

  class State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace sigprop::predict
