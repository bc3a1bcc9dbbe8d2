// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "sigprop/verify/verify.hpp"

// Bounds on the errors that tools/model_error/measure.py finds, kept as simple as the data allow.
// What theory leaves out is of order depth/width, as every residual branch adds an error of order
// 1/width; a constant stands for the asymptotics in sequence length and the tables of the softmax.
// Scores are averages over head_width products. The gradient of queries and keys has a term of
// order 1/width beside one of order 1/length; it grows with the tokens' anisotropy, layer by layer,
// and weighs the more the more the tokens are alike.

namespace sigprop::verify {
namespace {

double forward_error(const Model& model, const Context& context) {
  return 0.004 + 0.25 * context.before / model.width;
}

double gradient_error(const Model& model, const Context& context) {
  const double a_branch = model.post_norm ? 0.6 : 0.3;
  return 0.01 + a_branch * context.after / model.width;
}

/// The effective rank is a figure for orientation: its formula assumes independent features and
/// exchangeable tokens. Embedded segments make it 24 % too high, a narrow layer before it 20 %.
constexpr double rank_error = 0.3;

double by_head_width(const Model& model, double factor) {
  return model.head_width > 0 ? factor / model.head_width : 0;
}

double score_weight_error(const Model& model, const Context& context) {
  const double r = context.token_correlation;
  const double share = model.sequence_length / (model.sequence_length + model.width);
  return 0.02 + 30 * r * r / model.width + 0.02 * context.before * share + gradient_error(model, context) / 2;
}

}  // namespace

double model_error(Kind kind, const Model& model, const Context& context) {
  constexpr double largest = 0.5;  // beyond it a theory predicts nothing
  if (kind == Kind::rank) return rank_error;
  if (model.exact) return 0;
  double error = 0;
  switch (kind) {
    case Kind::forward:
      error = forward_error(model, context);
      break;
    case Kind::rank:
      break;
    case Kind::gradient:
      error = gradient_error(model, context);
      break;
    case Kind::scores:
      error = 0.01 + 2 * forward_error(model, context) + by_head_width(model, 0.4);
      break;
    case Kind::entropy:
      error = 0.002 + forward_error(model, context) / 10 + by_head_width(model, 0.02);
      break;
    case Kind::value_weight:  // a norm, not squared: half the gradient's error
      error = 0.008 + forward_error(model, context) / 2 + gradient_error(model, context) / 2;
      break;
    case Kind::score_weight:
      error = score_weight_error(model, context);
      break;
  }
  return std::min(error, largest);
}

}  // namespace sigprop::verify
