// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <array>
#include <vector>

#include "predict/spread/modes.hpp"
#include "sigprop/network/activation_kind.hpp"

namespace sigprop::predict {

/// Fluctuations of the mode energies behind an activation (forward, the first three) and before it
/// (backward, the last three), each relative to its mean.
using NeuronCovariance = Eigen::Matrix<double, 2 * mode_count, 2 * mode_count>;

/// A hidden layer whose neurons are independent given what they read: the energies of its modes are
/// means over the neurons, so their covariance is that of one neuron over the number of neurons. A
/// neuron is y = φ(a), or y = φ(a) b behind a gate, with a and b normal.
///
/// One neuron's tokens are independent given what all tokens of the batch (z) and of a sequence (y)
/// have in common; averages over the rest of a token are tabulated, those over z and y are sums
/// over nodes. Deviations within 6 % of
/// those of drawn neurons (tests/predict/spread_test.cpp).
class Neurons {
 public:
  Neurons(network::ActivationKind kind, const formula::Moments<double>& a, const Modes& modes);
  /// weights: of the energies that come back through a (first) and through b.
  Neurons(network::ActivationKind kind, const formula::Moments<double>& a, const formula::Moments<double>& b,
          const std::array<double, 2>& weights, const Modes& modes);

  /// For so many neurons and a gradient with these products behind the activation.
  [[nodiscard]] NeuronCovariance covariance(const formula::Gradient<double>& gradient, double count) const;

 private:
  /// Averages over what is a token's own, at one z and y. D: the derivative of y, of a gated neuron
  /// by a and by b, with D² their weighted sum.
  struct Node {
    double mean;                    ///< M = E[y]
    double variance;                ///< V
    double third;                   ///< E[(y - M)³]
    double fourth;                  ///< E[(y - M)⁴]
    std::array<double, 2> slope;    ///< E[D] by a and by b
    std::array<double, 2> squares;  ///< E[D²]
    std::array<double, 2> cubes;    ///< E[D³]
    std::array<double, 2> joint;    ///< E[(y - M) D]
    double slope_square;            ///< Σ w E[D]²
    double square;                  ///< S = Σ w E[D²]
    double square_square;           ///< E[D⁴]
    double half_centred;            ///< E[(D - E[D])² D²]
    double centred;                 ///< E[(D - E[D])⁴]
    double with_mean;               ///< E[(y - M) D²]
    double with_variance;           ///< E[(y - M)² D²] - V S
  };

  /// The same for φ at one value of what its tokens have in common.
  struct Curve;

  [[nodiscard]] static Curve curve(network::ActivationKind kind, const formula::Moments<double>& a, const Modes& modes);
  [[nodiscard]] static Node gated(const Node& phi, double b_mean, double b_variance,
                                  const std::array<double, 2>& weights);

  Modes modes_;
  std::array<double, 2> weights_{1, 0};
  std::vector<double> outer_;  ///< weights of the nodes in z
  std::vector<double> inner_;  ///< weights of those in y
  std::vector<Node> nodes_;    ///< by z, then by y
};

}  // namespace sigprop::predict
