// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "sigprop/scalar/jet.hpp"

namespace sigprop::predict {

/// What a walk makes a note of inside a component: nothing but where it is read to be explained (expressed.hpp).
struct Unnoted {
  template <class X>
  [[nodiscard]] static const X& noted(const X& x) {
    return x;
  }
  template <class X>
  [[nodiscard]] static const X& noted(const char* /*name*/, const X& x) {
    return x;
  }
  template <class X>
  [[nodiscard]] static const X& noted_by_correlation(const char* /*name*/, const X& x) {
    return x;
  }
  template <class Back, class Moments, class Shape, class T>
  [[nodiscard]] static const Back& noted(const Back& back, const Moments&, const Shape&, const T& /*batch*/) {
    return back;
  }
};

/// A network's numbers as a walk computes with them. Doubles and jets know a number by its address.
template <class T>
struct Numbers : Unnoted {
  [[nodiscard]] T operator()(const double& x) const { return T(x); }
  [[nodiscard]] T operator()(const std::size_t& n) const { return T(static_cast<double>(n)); }
};

template <>
struct Numbers<double> : Unnoted {
  std::unordered_map<const void*, double> instead;  ///< of what stands in the network: a size need not be whole

  [[nodiscard]] double operator()(const double& x) const { return taken(x, &x); }
  [[nodiscard]] double operator()(const std::size_t& n) const { return taken(static_cast<double>(n), &n); }

 private:
  [[nodiscard]] double taken(double value, const void* place) const {
    if (instead.empty()) return value;
    const auto found = instead.find(place);
    return found == instead.end() ? value : found->second;
  }
};

template <std::size_t N>
struct Numbers<scalar::Jet<N>> : Unnoted {
  /// The directions that a number moves in, and how far.
  struct Move {
    std::size_t direction;
    double slope;
  };

  std::unordered_map<const void*, std::vector<Move>> moves;

  [[nodiscard]] scalar::Jet<N> operator()(const double& x) const { return moved(x, &x); }
  [[nodiscard]] scalar::Jet<N> operator()(const std::size_t& n) const { return moved(static_cast<double>(n), &n); }

 private:
  [[nodiscard]] scalar::Jet<N> moved(double value, const void* place) const {
    scalar::Jet<N> out(value);
    const auto found = moves.find(place);
    if (found == moves.end()) return out;
    for (const Move& move : found->second) out.slopes[move.direction] += move.slope;
    return out;
  }
};

}  // namespace sigprop::predict
