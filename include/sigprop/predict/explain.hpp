// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sigprop/network/network.hpp"
#include "sigprop/predict/predict.hpp"
#include "sigprop/scalar/expression.hpp"

namespace sigprop::predict {

/// left = right. The value is the right side's sample.
struct ExplainedEquation {
  scalar::Symbol left;
  scalar::Expression right;
  bool across = false;  ///< about tokens of two sequences
};

/// What one component does to the signal, or to the gradient.
struct ExplainedStep {
  std::string title;                            ///< "x₂ = dropout(x₁)"
  std::string formulas;                         ///< as `sigprop formulas` names them
  std::string point;                            ///< of the profile, where the step ends at one
  std::map<std::string, std::string> meanings;  ///< of symbols that no equation defines, by their text
  std::vector<ExplainedEquation> equations;
};

/// What equal layers on end do to a signal, as a map of its second moment q and of r = c/q, the correlation of its token products (of a
/// signal of mean 0, variance and token correlation), and where it leads.
struct Recursion {
  enum class Kind {
    resets,   ///< q' = C(r)
    settles,  ///< q' = A q + C(r), 0 < A < 1
    adds,     ///< A = 1
    grows,    ///< A > 1
    scales,   ///< q' = G(r) q
    other     ///< none of these, or not from the first layer to the last
  };

  std::string first;  ///< layers
  std::string last;
  std::size_t layers = 0;
  Kind kind = Kind::other;
  scalar::Expression second_moment;                   ///< q' by q and r, everything in the layer put together
  scalar::Expression token_dot;                       ///< c'
  double gain = 0;                                    ///< A; of layers that scale G(r), far on
  std::optional<scalar::Expression> gain_expression;  ///< the same in symbols, where it has a closed form
  double start_correlation = 0;                       ///< r before the first of the layers
  double end_correlation = 0;                         ///< behind the last

  std::optional<double> correlation;  ///< r*, to which r goes; none where layers do not lead to one
  double shrinking =
      0;  ///< of the distance from r* in a layer; where layers add, the slope at r* of the r of what is added
  double increment = 0;         ///< C(r*)
  double growth = 1;            ///< q'/q, far on; where layers lead to no state, behind the last of them
  std::optional<double> limit;  ///< of q

  /// An eigenvalue of the gradient's map of (γ², η) back through one of the layers, where the signal is as it is far on.
  struct Mode {
    double growth = 1;                  ///< in a layer
    std::optional<double> correlation;  ///< η/γ² of its eigenvector, where a gradient can have it: from -1/(L - 1) to 1
    std::optional<double> exponent;     ///< where layers add: behind layer l it is in proportion to l^-exponent
  };
  std::array<Mode, 2> modes;  ///< the one that grows more first
};

/// The equations of one layer in the order in which they are computed. Signals are numbered from 0, what enters the layer; a gradient has
/// the number of the signal at which it is taken. Both ways begin with a step that only says what is there.
struct Explanation {
  std::string layer;  ///< "layer 3", "decoder/layer 1", "input"
  std::vector<ExplainedStep> forward;
  std::vector<ExplainedStep> backward;          ///< empty for the input
  std::map<std::string, std::string> meanings;  ///< likewise of all steps
  std::optional<Recursion> recursion;           ///< where the layer is one of several equal ones
  std::vector<std::string> warnings;            ///< the prediction's
};

/// Explains a layer of a network, by its number in the outline from 1, or the input for 0 (of an encoder–decoder model, that of the encoder).
/// The formulas are read with expressions where predict() reads them with numbers: the values are the prediction's but for rounding.
/// Throws NotCovered as predict() does, and behind a causal mask, where every token has equations of its own; std::domain_error likewise;
/// std::out_of_range for a layer that there is not; std::overflow_error where the signal or gradient leaves double's range.
[[nodiscard]] Explanation explain(const network::Network& network, Theory theory, std::size_t layer);

}  // namespace sigprop::predict
