// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "predict/walk/alike_tokens.hpp"
#include "predict/walk/walk.hpp"
#include "sigprop/predict/explain.hpp"

namespace sigprop::predict {

/// One of several equal layers, forward and backward.
class OneLayer {
 public:
  using Algebra = AlikeAlgebra<double>;
  using Signal = Algebra::Signal;
  using Gradient = Algebra::Gradient;

  /// The layer alone, with what its model's encoder, if it has one, gives it to read.
  OneLayer(const network::Network& layer, Theory theory, const std::shared_ptr<Functionals<double>::Tables>& tables,
           const Signal& memory);

  [[nodiscard]] const network::Lifted<double>& network() const { return layer_; }
  [[nodiscard]] Signal forward(const Signal& x) { return walk_.pass(layer_.body, x); }
  /// Of what entered it.
  [[nodiscard]] Gradient backward(const Signal& x, const Gradient& g);

 private:
  const network::Lifted<double> layer_;
  Algebra algebra_;
  Observer nobody_;
  Walk<Algebra, Observer> walk_;
};

/// c/q
[[nodiscard]] double correlation_of(const OneLayer::Signal& x);

/// With a second moment and the correlation of token products in the place of its own.
[[nodiscard]] OneLayer::Signal placed(OneLayer::Signal x, double q, double r);

/// What a layer makes of (q, r), as far as it is simple.
struct LayerMap {
  OneLayer& layer;
  OneLayer::Signal x;  ///< for all but q and r
  Recursion::Kind kind = Recursion::Kind::other;
  double gain = 0;  ///< A

  /// Judged by what the layer makes of the signal, of twice and of four times it.
  LayerMap(OneLayer& of, const OneLayer::Signal& at);

  [[nodiscard]] OneLayer::Signal after(double q, double r) const { return layer.forward(placed(x, q, r)); }
  /// C(r)
  [[nodiscard]] double increment(double r) const;
  /// The second moment that signals of this correlation come to; where layers add, after very many
  /// of them.
  [[nodiscard]] double resting(double r) const;
  /// Of r itself, or where layers add, of what they add.
  [[nodiscard]] double next_correlation(double r) const;

  /// r*: where r stays, from r on in the direction in which it goes; none if it goes on to the end
  /// of what is possible without coming to rest.
  [[nodiscard]] std::optional<double> resting_correlation(double r) const;
  /// Recursion::shrinking there.
  [[nodiscard]] double shrinking(double r) const;
};

/// Layers, of which one more changes little.
inline constexpr double very_many = 1e4;

}  // namespace sigprop::predict
