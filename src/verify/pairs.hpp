// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/verify/verify.hpp"

namespace sigprop::verify {

/// A quantity of both profiles, before it is judged.
struct Pair {
  bool of_layer;
  std::size_t index;
  std::string path;
  std::string quantity;
  profile::Quantity predicted;
  profile::Quantity measured;
  double scale;
  Kind kind;
  Context context;
};

/// Every quantity that both profiles have. Throws std::logic_error where their places differ.
[[nodiscard]] std::vector<Pair> pairs_of(const profile::Profile& predicted, const profile::Profile& measured);

}  // namespace sigprop::verify
