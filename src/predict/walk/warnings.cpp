// SPDX-License-Identifier: Apache-2.0
#include "predict/walk/warnings.hpp"

#include <cmath>
#include <cstdio>
#include <set>

#include "predict/tables/limits.hpp"

namespace sigprop::predict {
namespace {

using Warnings = std::set<std::string>;

void warn_of_sizes(Warnings& warnings, const network::Attention& op, const network::Network& network) {
  constexpr std::size_t smallest_head = 8;
  constexpr std::size_t narrowest = 128;
  constexpr double shortest = 32;
  if (op.head_width < smallest_head) {
    warnings.insert("head width " + std::to_string(op.head_width) +
                    " is below 8: the average over head width rests on fewer nodes, and its error was not measured");
  }
  if (op.width < narrowest) {
    warnings.insert("width " + std::to_string(op.width) +
                    " is below 128: errors of order 1/width exceed those stated for full");
  }
  if (network.length() < shortest) {
    warnings.insert(
        "the sequence length is below 32: attention's formulas are asymptotic in it, and their error was not measured");
  }
}

/// The same branch at nearly the same signal adds up in one direction, where branches drawn anew
/// add up at right angles.
void warn_of_tied(Warnings& warnings, const network::Component& component) {
  const auto* repeat = std::get_if<network::Repeat>(&component.op);
  if (repeat == nullptr || !repeat->tied || repeat->times < 2 || !network::has_weights(component)) return;
  warnings.insert(
      "layers that share their weights (tied) count as if each had weights of its own: the true variance grows faster "
      "and gradients and token correlations differ; measured at width 256: variance predicted 26 % too low after 8 "
      "Pre-LN layers with branches scaled by 0.1, 48 % after 3 and 82 % after 8 with unscaled ones");
}

void warn_of_paper(Warnings& warnings, const network::Component& component) {
  using network::ActivationKind;
  if (std::holds_alternative<network::Attention>(component.op)) {
    warnings.insert(
        "the theory 'paper' has no gradient for query and key weights, leaves their path out of the input gradient, "
        "and "
        "has no attention entropy");
  }
  const auto* norm = std::get_if<network::Norm>(&component.op);
  if (norm != nullptr && norm->kind == network::NormKind::rms_norm) {
    warnings.insert("RMSNorm is not in the paper: our formula stands in");
  }
  if (norm != nullptr && norm->kind == network::NormKind::layer_norm && norm->epsilon > 0)
    warnings.insert("the theory 'paper' has no epsilon in a norm: it is left out");
  const auto* activation = std::get_if<network::Activation>(&component.op);
  if (activation != nullptr && activation->kind != ActivationKind::relu && activation->kind != ActivationKind::gelu &&
      activation->kind != ActivationKind::identity) {
    warnings.insert("this activation is not in the paper: our quadrature stands in");
  }
}

bool has_bare_norm(const std::vector<network::Component>& list) {
  bool found = false;
  network::for_each_component(list, [&](const network::Component& component) {
    const auto* norm = std::get_if<network::Norm>(&component.op);
    found = found || (norm != nullptr && norm->epsilon == 0);
  });
  return found;
}

void warn_of_scores(Warnings& warnings, const profile::Profile& profile) {
  for (const profile::Layer& layer : profile.layers) {
    const auto is_beyond = [](const profile::Rare<profile::AttentionMetrics>& metrics) {
      return metrics && metrics->score_variance.log10 > std::log10(last_tabulated_score_variance);
    };
    if (is_beyond(layer.attention) || is_beyond(layer.cross_attention)) {
      warnings.insert("the score variance passes 256 at layer " + std::to_string(layer.index) +
                      ": beyond it the softmax functionals continue as powers of it, and their error was not measured");
      return;
    }
  }
}

void warn_of_waiting(Warnings& warnings, const profile::Profile& profile) {
  for (const profile::Layer& layer : profile.layers) {
    for (const profile::Weight& weight : layer.weights) {
      if (!weight.waits) continue;
      warnings.insert("the learned branch scale is 0 at " + layer.path +
                      ": the weights behind it have no gradient until a step has moved it, which no verdict counts");
      return;
    }
  }
}

/// An ε as usual beside a variance that is not much larger shows in every result.
void warn_of_no_epsilon(Warnings& warnings, const network::Network& network, const profile::Profile& profile) {
  constexpr double small_variance = 1e-3;
  const auto warn = [&](const std::string& where, double variance) {
    char number[32];
    std::snprintf(number, sizeof number, "%.4g", variance);
    warnings.insert("the variance " + where + " is " + number +
                    " and the norm behind it has no epsilon; real norms add 1e-5 or 1e-6, which shows there: set "
                    "norm.epsilon");
  };
  const auto* embedding = std::get_if<network::Embedding>(&network.source);
  if (embedding != nullptr && has_bare_norm(network.input)) {
    double variance = 0;
    for (const auto* table : {&embedding->token, &embedding->position, &embedding->segment})
      variance += table->std * table->std;
    if (variance < small_variance) warn("of the embedding", variance);
  }
  if (!has_bare_norm(network.encoder) && !has_bare_norm(network.body)) return;
  for (const profile::Point& point : profile.points) {
    if (!(point.forward.variance.log10 < std::log10(small_variance))) continue;
    return warn("at " + point.path, point.forward.variance.value);
  }
}

}  // namespace

std::vector<std::string> warnings_of(const network::Network& network, Theory theory, const profile::Profile& profile) {
  Warnings warnings;
  const auto warn = [&](const network::Component& component) {
    const auto* attention = std::get_if<network::Attention>(&component.op);
    warn_of_tied(warnings, component);
    if (theory == Theory::paper) warn_of_paper(warnings, component);
    if (theory == Theory::full && attention != nullptr) warn_of_sizes(warnings, *attention, network);
  };
  for (const auto* list : {&network.encoder, &network.body}) network::for_each_component(*list, warn);
  if (theory == Theory::full) {
    warn_of_scores(warnings, profile);
    warn_of_no_epsilon(warnings, network, profile);
  }
  warn_of_waiting(warnings, profile);
  return {warnings.begin(), warnings.end()};
}

std::string warning_of_alike(const std::string& reason) {
  return "all tokens count as alike, though they are not: " + reason;
}

}  // namespace sigprop::predict
