// SPDX-License-Identifier: Apache-2.0
#include "scheme/deepscalelm.hpp"

#include <cmath>
#include <numbers>

namespace sigprop::scheme {
namespace {

/// Variance and token correlation of the residual stream in the authors' approximation.
struct Stream {
  double correlation;
  double variance = 1;

  void add(double branch_share, double branch_correlation) {
    const double skip_share = 1 - branch_share;
    const double total = skip_share * variance + branch_share;
    correlation = (skip_share * correlation * variance + branch_share * branch_correlation) / total;
    variance = total;
  }
};

/// Token correlation of three embedding tables, as the authors' code sets it.
constexpr double embedded_correlation = 0.221;

double first_correlation(const Task& task) {
  if (const auto* given_input = std::get_if<network::GivenInput>(&task.model.source))
    return given(task, "first_correlation", given_input->token_correlation);
  return given(task, "first_correlation", embedded_correlation) * (1 - input_dropout(task));
}

/// Token correlation after ReLU.
double rectified(double r) {
  return r + (std::sqrt(1 - r * r) - r * std::acos(r)) / std::numbers::pi;
}

Stream start(const Task& task) {
  const double r = first_correlation(task);
  if (r <= 0) {
    throw NotApplicable(
        "deepscalelm divides by the token correlation, which is 0 at the input: give the input a positive one, or take "
        "deepscalelm_full");
  }
  return {r};
}

}  // namespace

void require_single_functions(const Task& task, const std::string& scheme) {
  if (!task.stack.parallel) return;
  throw NotApplicable(scheme +
                      " gives every branch variance 1, and a parallel layer has two functions on one branch: set "
                      "\"parallel\": false");
}

double branch_share(const Task& task) {
  const double branches = given(task, "branches", real(task.stack.branches()));
  const double share = given(task, "k") / std::pow(branches, given(task, "alpha"));
  if (share > 1) {
    throw NotApplicable("k/branches^alpha is " + std::to_string(share) +
                        ", but must be at most 1, the whole variance: lower k or raise branches");
  }
  return share;
}

double input_dropout(const Task& task) {
  for (const network::Component& component : task.model.input) {
    if (const auto* dropout = std::get_if<network::Dropout>(&component.op)) return dropout->probability;
  }
  return 0;
}

std::optional<double> unit_embedding(const Task& task) {
  const auto* embedding = std::get_if<network::Embedding>(&task.model.source);
  if (embedding == nullptr) return std::nullopt;
  return std::sqrt((1 - input_dropout(task)) / embedding->tables());
}

Settings deepscalelm(const Task& task) {
  require_one_stack(task, "deepscalelm");
  require_single_functions(task, "deepscalelm");
  if (task.stack.experts > 0)
    throw NotApplicable("deepscalelm has no rule for experts: remove \"experts\", or take deepscalelm_full");
  if (task.stack.gated)
    throw NotApplicable("deepscalelm has no rule for a gated feed-forward network: set \"gated\": false");
  const double share = branch_share(task), kept_inside = 1 - task.stack.ffn_dropout;
  const double width = width_of(task), ffn_width = real(task.stack.ffn_width);
  Settings out = in_every_layer(task, {});
  Stream stream = start(task);
  for (std::size_t layer = 0; layer < out.std.size(); ++layer) {
    network::LayerStd& std = out.std[layer];
    const double of_attention = 1 - task.stack.dropout[2 * layer], of_ffn = 1 - task.stack.dropout[2 * layer + 1];
    std.query = std.key = std::sqrt(1 / width);
    std.value = std.output = std::pow(of_attention / (stream.correlation * width * heads_width(task)), 0.25);
    std.ffn_in = std.ffn_out = std::pow(2 * of_ffn * kept_inside / (width * ffn_width), 0.25);
    stream.add(share, of_attention);
    stream.add(share, of_ffn * kept_inside * rectified(stream.correlation));
  }
  out.embedding = unit_embedding(task);
  scale_residuals(task, std::sqrt(1 - share), std::sqrt(share), out);
  return out;
}

}  // namespace sigprop::scheme
