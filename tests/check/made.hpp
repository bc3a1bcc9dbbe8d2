// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "sigprop/check/check.hpp"

namespace sigprop::test {

/// Two layers with attention, points after attention and FFN. Each number of a point is its index
/// and a fraction of its own, so that no two are equal.
[[nodiscard]] inline profile::Profile made() {
  profile::Profile out;
  out.theory = "full";
  const char* paths[] = {"input", "layer 1/attention", "layer 1/ffn", "layer 2/attention", "layer 2/ffn"};
  for (std::size_t i = 0; i < 5; ++i) {
    const auto x = static_cast<double>(i);
    profile::Point point;
    point.index = i;
    point.path = paths[i];
    point.layer = (i + 1) / 2;
    point.forward = {.mean = x + 0.01,
                     .variance = x + 0.02,
                     .second_moment = x + 0.03,
                     .token_dot = x + 0.04,
                     .cross_dot = x + 0.05,
                     .token_correlation = x + 0.06,
                     .rank_residual = x + 0.07,
                     .effective_rank = x + 0.08,
                     .ends = profile::Ends{.first = x + 0.09, .last = x + 0.1},
                     .tokens = {},
                     .gram = {}};
    point.backward = {.variance = x + 0.11,
                      .token_dot = x + 0.12,
                      .cross_dot = x + 0.13,
                      .token_correlation = x + 0.14,
                      .norm = x + 0.15,
                      .ends = profile::Ends{.first = x + 0.16, .last = x + 0.17},
                      .tokens = {}};
    out.points.push_back(point);
  }
  for (std::size_t i = 1; i <= 2; ++i) {
    const auto x = static_cast<double>(i);
    profile::Layer layer;
    layer.index = i;
    layer.path = "layer " + std::to_string(i);
    layer.attention =
        profile::AttentionMetrics{.score_variance = x + 0.21, .entropy = x + 0.22, .entropy_fraction = x + 0.23};
    layer.cross_attention =
        profile::AttentionMetrics{.score_variance = x + 0.31, .entropy = x + 0.32, .entropy_fraction = x + 0.33};
    layer.weights = {{.name = "query", .role = profile::WeightRole::query, .std = 0.1, .gradient_norm = 3 * x},
                     {.name = "cross_value", .role = profile::WeightRole::value, .std = 0.1, .gradient_norm = 4 * x}};
    out.layers.push_back(layer);
  }
  return out;
}

using Kind = check::Location::Kind;

[[nodiscard]] inline check::Check asked(const std::string& quantity, check::Location at, std::optional<double> min,
                                        std::optional<double> max) {
  return {"/checks/0", 7, "", {quantity, at, {}, min, max}};
}

[[nodiscard]] inline check::Check ratio_of(const std::string& quantity, check::Location at, check::Location over,
                                           double max) {
  return {"/checks/0", 7, "", {quantity, at, over, {}, max}};
}

/// The outcome of a single check that can be evaluated.
[[nodiscard]] inline check::Outcome outcome_of(const check::Check& check, const profile::Profile& profile = made()) {
  const check::Evaluation evaluation = check::evaluate({check}, profile, 64);
  for (const check::Fault& fault : evaluation.faults) UNSCOPED_INFO(fault.message);
  REQUIRE(evaluation.outcomes.size() == 1);
  return evaluation.outcomes.front();
}

/// The message of a single check that cannot.
[[nodiscard]] inline std::string fault_of(const check::Check& check, const profile::Profile& profile = made()) {
  const check::Evaluation evaluation = check::evaluate({check}, profile, 64);
  REQUIRE(evaluation.outcomes.empty());
  REQUIRE(evaluation.faults.size() == 1);
  CHECK(evaluation.faults.front().line == check.line);
  return evaluation.faults.front().message;
}

}  // namespace sigprop::test
