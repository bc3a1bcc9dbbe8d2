// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sigprop/profile/rare.hpp"

/// The result both interpreters return. Expectations are over weights, inputs, masks and features.
namespace sigprop::profile {

/// What stands beside a measured mean.
struct Scatter {
  double standard_error = 0;  ///< of the mean: standard_deviation/√R over R replicates; NaN for a single replicate
  double standard_deviation = 0;  ///< between replicates: how far one random network lies from the mean
};

/// A number that may lie outside double's range: log10 of its absolute value is always right,
/// `value` where a normal double holds it.
struct Quantity {
  double value = 0;
  double log10 = -std::numeric_limits<double>::infinity();  ///< of |value|; -∞ for 0
  Rare<Scatter> scatter;                                    ///< of a measured number; a predicted one has none

  Quantity() = default;
  Quantity(double v) : value(v), log10(std::log10(std::abs(v))) {}  // NOLINT: a double is a quantity
  Quantity(double v, double log10_of_absolute) : value(v), log10(log10_of_absolute) {}
  Quantity(double v, const Scatter& measured) : Quantity(v) { scatter = measured; }

  /// Slopes of ln|value| by the numbers that a prediction was asked to vary; null without.
  [[nodiscard]] const std::vector<double>* slopes() const {
    return asked_ && asked_->slopes ? &*asked_->slopes : nullptr;
  }
  /// Creates them where there are none; none at all resets them.
  void set_slopes(std::optional<std::vector<double>> slopes) { asked().slopes = std::move(slopes); }

  /// The standard deviation between networks of a predicted number's logarithm, or of a correlation
  /// itself, where it was asked for.
  [[nodiscard]] std::optional<double> spread() const { return asked_ ? asked_->spread : std::nullopt; }
  void set_spread(double spread) { asked().spread = spread; }

  /// Does `value` hold the number? False for what over- or underflows a normal double.
  [[nodiscard]] bool representable() const {
    return std::isfinite(value) && (std::isinf(log10) || std::abs(value) >= std::numeric_limits<double>::min());
  }

 private:
  struct Asked {
    std::optional<std::vector<double>> slopes;
    std::optional<double> spread;
  };
  [[nodiscard]] Asked& asked() { return asked_ ? *asked_ : asked_.emplace(); }

  Rare<Asked> asked_;
};

/// A quantity at the first and the last token: under a mask the tokens differ.
struct Ends {
  Quantity first;
  Quantity last;
};

/// What a result lists of single tokens, where that is asked for.
struct TokenLists {
  bool moments = false;  ///< every token's second moment and gradient variance
  std::size_t gram = 0;  ///< the Gram matrix of so many tokens, as `gram_tokens` chooses them; 0 for none

  [[nodiscard]] bool any() const { return moments || gram > 0; }
};

/// Which tokens of a sequence, from 1: so many, evenly from the first to the last; all where there
/// are no more. `wanted` is at least 2.
[[nodiscard]] std::vector<std::size_t> gram_tokens(double sequence_length, std::size_t wanted);

/// Where the product of two of them stands in Forward::gram, from 0, j ≤ i; and, of (n, 0), how
/// many products n of them have.
[[nodiscard]] inline std::size_t gram_index(std::size_t i, std::size_t j) {
  return i * (i + 1) / 2 + j;
}

struct Forward {
  Quantity mean;
  Quantity variance;
  Quantity second_moment;
  Quantity token_dot;                 ///< E[x_i x_j], tokens i ≠ j of one sequence
  std::optional<Quantity> cross_dot;  ///< E[x_i x'_j], tokens of two sequences of one batch; absent for a batch of one
  Quantity token_correlation;         ///< Cov[x_i, x_j]/Var[x]
  Quantity rank_residual;             ///< distance of the tokens from their mean over their norm
  std::optional<Quantity> effective_rank;  ///< absent where a simulation leaves it out
  Rare<Ends> ends;                         ///< second moments of the first and the last token, under a mask
  std::vector<Quantity> tokens;            ///< second moments of every token; empty where they were not asked for
  std::vector<Quantity> gram = {};         ///< E[x_i x_j] of Profile::gram_tokens, j ≤ i, row by row
};

struct Backward {
  Quantity variance;  ///< of ∂loss/∂x
  Quantity token_dot;
  std::optional<Quantity> cross_dot;
  Quantity token_correlation;
  Quantity norm;                 ///< √E‖∂loss/∂x‖² over batch, tokens and features
  Rare<Ends> ends;               ///< variances at the first and the last token, under a mask
  std::vector<Quantity> tokens;  ///< variances at every token; empty where they were not asked for
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
  Quantity score_variance;                   ///< of centred scores
  std::optional<Quantity> entropy;           ///< nats; absent where a theory has none
  std::optional<Quantity> entropy_fraction;  ///< of ln L
};

/// What a weight does in its component.
enum class WeightRole { query, key, value, output, gate, linear };

struct Weight {
  std::string name;
  WeightRole role = WeightRole::linear;
  double std = 0;
  std::optional<Quantity> gradient_norm;  ///< √E‖∂loss/∂W‖²; absent where a theory has none
  bool waits = false;  ///< for a learned branch scale that starts at 0: its own gradient is 0 until then
};

struct Layer {
  std::size_t index = 0;  ///< from 1
  std::string path;       ///< "layer 1"; in a model of two stacks "encoder/layer 1", "decoder/layer 1"
  Rare<AttentionMetrics> attention;
  Rare<AttentionMetrics> cross_attention;
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
  std::optional<double> log10_first_over_input;  ///< what the first layer makes of the input's; absent as below
  std::optional<double> log10_last_over_first;   ///< absent, as the steps, for fewer than two layers or a variance of 0
  std::optional<double> largest_step;            ///< factor from one layer to the next
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
  std::vector<std::size_t> gram_tokens;  ///< whose Gram matrices the points have; empty for none
  std::string prefix;                    ///< under a causal mask "actual" or "means" (docs/theory.md); else empty
  std::size_t sequences = 0;             ///< of words that theory averaged over; 0: tokens count as alike
  double sequence_scatter = 0;           ///< largest deviation between them of a weight's gradient norm, over its mean
  std::vector<std::string> warnings;
  std::vector<Point> points;
  std::vector<Layer> layers;
  Summary summary;
};

}  // namespace sigprop::profile
