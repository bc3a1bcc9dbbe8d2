// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "predict/exchangeable.hpp"

namespace sigprop::predict {

/// A walk in double that keeps every signal and gradient at a point.
class Keeping : public Exchangeable<double> {
 public:
  using Exchangeable::Exchangeable;

  [[nodiscard]] profile::Forward profile_of(const Signal& x, const std::size_t& width) {
    signals.push_back(x);
    gradients.emplace_back();
    return Exchangeable::profile_of(x, width);
  }
  [[nodiscard]] profile::Backward profile_of(const Gradient& g, const std::size_t& width) {
    gradients[signals.size() - ++taken_] = g;
    return Exchangeable::profile_of(g, width);
  }
  void attend_to(const Signal& x) {
    memory = x;
    Exchangeable::attend_to(x);
  }

  std::vector<Signal> signals;      ///< by the outline's points
  std::vector<Gradient> gradients;  ///< likewise
  Signal memory;

 private:
  std::size_t taken_ = 0;
};

}  // namespace sigprop::predict
