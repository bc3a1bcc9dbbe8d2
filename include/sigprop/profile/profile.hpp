// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

/// The result both interpreters return. Expectations are over weights, inputs, masks and features.
namespace sigprop::profile {

/// A number that may lie outside double's range: log10 of its absolute value is always right, `value` where a normal double holds it.
struct Quantity {
  double value = 0;
  double log10 = -std::numeric_limits<double>::infinity();  ///< of |value|; -∞ for 0

  Quantity() = default;
  Quantity(double v) : value(v), log10(std::log10(std::abs(v))) {}  // NOLINT: a double is a quantity
  Quantity(double v, double log10_of_absolute) : value(v), log10(log10_of_absolute) {}

  /// Does `value` hold the number? False for what over- or underflows a normal double.
  [[nodiscard]] bool representable() const {
    return std::isfinite(value) && (std::isinf(log10) || std::abs(value) >= std::numeric_limits<double>::min());
  }
};

struct Forward {
  Quantity mean;
  Quantity variance;
  Quantity second_moment;
  Quantity token_dot;            ///< E[x_i x_j], tokens i ≠ j of one sequence
  double token_correlation = 0;  ///< Cov[x_i, x_j]/Var[x]
  double rank_residual = 0;
  double effective_rank = 0;
};

struct Backward {
  Quantity variance;  ///< of ∂loss/∂x
  Quantity token_dot;
  double token_correlation = 0;
  Quantity norm;  ///< √E‖∂loss/∂x‖² over batch, tokens and features
};

/// A place on the residual stream.
struct Point {
  std::size_t index = 0;
  std::string path;
  std::size_t layer = 0;  ///< 0 for the input
  Forward forward;
  Backward backward;
};

struct AttentionMetrics {
  Quantity score_variance;                 ///< of centred scores
  std::optional<double> entropy;           ///< nats; absent where a theory has none
  std::optional<double> entropy_fraction;  ///< of ln L
};

struct Weight {
  std::string name;
  double std = 0;
  std::optional<Quantity> gradient_norm;  ///< √E‖∂loss/∂W‖²; absent where a theory has none
};

struct Layer {
  std::size_t index = 0;  ///< from 1
  std::optional<AttentionMetrics> attention;
  std::vector<Weight> weights;
};

struct Verdict {
  std::string name;  ///< "exploding_variance", ...
  std::string path;  ///< point or layer where the threshold is first passed
  Quantity value;
  double threshold = 0;
};

/// How a variance changes from layer to layer.
struct Ratios {
  std::optional<double> log10_last_over_first;  ///< absent, as the steps, for fewer than two layers or a variance of 0
  std::optional<double> largest_step;           ///< factor from one layer to the next
  std::optional<double> smallest_step;
};

struct Summary {
  std::string
      forward_law;  ///< of the variance after each layer: constant, linear, hyperbolic, power, exponential, irregular; none where too short
  double forward_rate =
      0;  ///< linear: increase a layer over the first value; hyperbolic, power: exponent of depth; exponential: log10 of the factor a layer
  std::string backward_law;  ///< of the gradient variance, read from the input to the output
  double backward_rate = 0;
  Ratios forward_ratios;
  Ratios backward_ratios;
  std::vector<Verdict> verdicts;
};

struct Profile {
  std::string name;
  std::string theory;
  std::vector<std::string> warnings;
  std::vector<Point> points;
  std::vector<Layer> layers;
  Summary summary;
};

}  // namespace sigprop::profile
