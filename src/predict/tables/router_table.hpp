// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "predict/tables/chained.hpp"
#include "sigprop/formula/routed_experts.hpp"
#include "sigprop/network/router.hpp"

namespace sigprop::predict {

/// The functionals P and J of a router (formula/routed_experts.hpp) that gives a token `chosen` of
/// `count` experts, interpolated over the logits' deviation s and the tokens' correlation ρ.
///
/// s is cut into tiles up to 16. A tile is a Chebyshev sum in s times one in the angle arccos ρ of
/// means over pairs of tokens drawn with a fixed seed, the same for all places, so that they are
/// smooth in s; it is computed when first met. At ρ = 0 they are those that are known. Over s the
/// sum is within 3e-4 for P and 3e-3 for J. Beyond s = 16 they approach
/// those of a token's first expert alone like 1/s; those of a sigmoid are taken as they are at 16.
class RouterTable {
 public:
  RouterTable(std::size_t count, std::size_t chosen, network::Router router)
      : count_(count), chosen_(chosen), router_(router) {}

  [[nodiscard]] formula::RouterMeans<double> operator()(double deviation, double correlation);
  /// With their derivatives by s and ρ, the first two of few arguments; none by ρ at ρ = ±1, where
  /// it is infinite.
  [[nodiscard]] formula::RouterMeans<ArgumentJet> jets(double deviation, double correlation);

 private:
  static constexpr std::size_t deviation_points = 4;
  static constexpr std::size_t angle_points = 13;  ///< with both ends; odd, so that a right angle is one
  using Table = std::array<double, deviation_points * angle_points>;
  using Tile = formula::RouterMeans<Table>;

  [[nodiscard]] const Tile& tile(std::size_t index);
  /// angle: the coordinate of arccos ρ.
  template <class T>
  [[nodiscard]] formula::RouterMeans<T> inside(const T& deviation, const T& angle);
  template <class T>
  [[nodiscard]] formula::RouterMeans<T> at(const T& deviation, const T& angle);

  std::size_t count_;
  std::size_t chosen_;
  network::Router router_;
  std::map<std::size_t, Tile> tiles_;
  std::unique_ptr<RouterTable> first_;  ///< of a token's first expert alone
};

/// A table of more experts would take more than seconds.
inline constexpr std::size_t most_routed_experts = 1024;

/// At a router's deviation s, correlation ρ, experts E and experts of a token k, which all
/// predictions of a process share the tables of. Derivatives by E and k are differences between
/// neighbours.
[[nodiscard]] formula::RouterMeans<double> router_means(const std::array<double, few_arguments>& x,
                                                        network::Router router);
[[nodiscard]] formula::RouterMeans<ArgumentJet> router_jets(const std::array<double, few_arguments>& x,
                                                            network::Router router);

template <std::size_t N>
[[nodiscard]] formula::RouterMeans<scalar::Jet<N>> router_means(const std::array<scalar::Jet<N>, few_arguments>& x,
                                                                network::Router router) {
  const auto known = router_jets({x[0].value, x[1].value, x[2].value, x[3].value}, router);
  return {chained<N>(known.overlap, x), chained<N>(known.jacobian, x)};
}

/// Of numbers that have no derivatives.
template <class T>
[[nodiscard]] formula::RouterMeans<T> router_means(const std::array<T, few_arguments>& x, network::Router router) {
  const auto known = router_means(
      std::array{scalar::value_of(x[0]), scalar::value_of(x[1]), scalar::value_of(x[2]), scalar::value_of(x[3])},
      router);
  return {T(known.overlap), T(known.jacobian)};
}

}  // namespace sigprop::predict
