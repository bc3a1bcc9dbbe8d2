// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sigprop/network/network.hpp"
#include "sigprop/predict/predict.hpp"
#include "sigprop/profile/recursion.hpp"
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

/// The recursion of a run of equal layers with its equations, everything in a layer put together.
struct Recursion : profile::LayerRecursion {
  scalar::Expression second_moment;                   ///< q' by q and r
  scalar::Expression token_dot;                       ///< c'
  std::optional<scalar::Expression> gain_expression;  ///< A, where it has a closed form
};

/// The equations of one layer in the order in which they are computed. Signals are numbered from 0,
/// what enters the layer; a gradient has the number of the signal at which it is taken. Both ways
/// begin with a step that only says what is there.
struct Explanation {
  std::string layer;  ///< "layer 3", "decoder/layer 1", "input"
  std::vector<ExplainedStep> forward;
  std::vector<ExplainedStep> backward;          ///< empty for the input
  std::map<std::string, std::string> meanings;  ///< likewise of all steps
  std::optional<Recursion> recursion;           ///< where the layer is one of several equal ones
  std::vector<std::string> warnings;            ///< the prediction's
};

/// Explains a layer of a network, by its number in the outline from 1, or the input for 0 (of an
/// encoder–decoder model, that of the encoder). The formulas are read with expressions where
/// predict() reads them with numbers: the values are the prediction's but for rounding. Throws
/// NotCovered as predict() does, and behind a causal mask, where every token has equations of its
/// own; std::domain_error likewise; std::out_of_range for a layer that there is not;
/// std::overflow_error where the signal or gradient leaves double's range.
[[nodiscard]] Explanation explain(const network::Network& network, Theory theory, std::size_t layer);

}  // namespace sigprop::predict
