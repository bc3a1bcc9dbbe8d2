// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "sigprop/network/network.hpp"

namespace sigprop::network {

/// A number of a model that can be varied, in all places where it stands: every layer's.
struct Knob {
  /// As in a spec, without the stack: "residual.branch", "init.std.query", "width"; of two stacks "decoder.residual.branch".
  std::string name;
  std::vector<double*> numbers;
  std::vector<std::size_t*> sizes;
  bool whole = false;  ///< a size, which no model has half

  /// Of all its places: the same unless layers differ.
  [[nodiscard]] double lowest() const;
  [[nodiscard]] double highest() const;
  /// A knob of 0 everywhere is varied by adding to it, any other by a common factor.
  [[nodiscard]] bool is_zero() const { return lowest() == 0 && highest() == 0; }
};

/// The knobs of a network: standard deviations of weights, residual scales, dropout, widths, sequence length, batch and vocabulary, the
/// input's and the loss gradient's moments. A width that the components give away to one another is a knob in a stack only. They point
/// into the network, which must outlive them.
[[nodiscard]] std::vector<Knob> knobs_of(Network& network);

}  // namespace sigprop::network
