// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "sigprop/profile/profile.hpp"

namespace sigprop::predict {

/// What a walk is for. A walk calls these functions as it goes, and an observer replaces those that
/// it needs; the walk itself writes nothing down. Points and weights are counted as in the
/// network's outline.
struct Observer {
  // ---- what the walk reaches ---------------------------------------------------------------------------------------

  /// A point, on the way forward and on the way back.
  template <class Signal>
  void at_point(std::size_t /*point*/, const Signal& /*x*/) {}
  template <class Gradient, class T>
  void at_point(std::size_t /*point*/, const Gradient& /*g*/, const T& /*width*/) {}

  /// What messages call a point; empty where the walk has none but numbers.
  [[nodiscard]] std::string point_name(std::size_t /*point*/) const { return {}; }

  /// An attention whose first weight is `weight`.
  void at_attention(std::size_t /*weight*/, bool /*cross*/, const profile::AttentionMetrics& /*metrics*/) {}

  /// A weight's squared gradient norm, where the theory has one.
  template <class T>
  void at_weight(std::size_t /*weight*/, const std::optional<T>& /*squared_norm*/) {}

  // ---- what a component does ---------------------------------------------------------------------------------------
  // `compute` is the algebra's work; what is returned is what the walk goes on with.

  template <class Op, class Signal, class Compute>
  [[nodiscard]] Signal forward(const Op& /*op*/, const Signal& x, const Compute& compute) {
    return compute(x);
  }
  template <class Op, class Signal, class Compute>
  [[nodiscard]] auto join(const Op& /*op*/, const Signal& /*x*/, const Signal& /*y*/, const Compute& compute) {
    return compute();
  }
  template <class Signal, class Compute>
  [[nodiscard]] Signal add(const Signal& /*x*/, const Signal& /*a*/, const Signal& /*b*/, const Compute& compute) {
    return compute();
  }

  template <class Op, class Signal, class Gradient, class Norms, class Compute>
  [[nodiscard]] Gradient backward(const Op& /*op*/, const Signal& x, const Gradient& /*g*/, const Norms& /*norms*/,
                                  const Compute& compute) {
    return compute(x);
  }
  template <class Op, class Compute>
  [[nodiscard]] auto into(const Op& /*op*/, const Compute& compute) {
    return compute();
  }
  template <class Op, class Gradient, class Compute>
  [[nodiscard]] Gradient join_back(const Op& /*op*/, const Gradient& /*branch*/, const Compute& compute) {
    return compute();
  }
  template <class Gradient, class Compute>
  [[nodiscard]] Gradient add_back(const Gradient& /*a*/, const Compute& compute) {
    return compute();
  }
};

}  // namespace sigprop::predict
