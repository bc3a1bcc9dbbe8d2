// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "cli/common/experiment_predictions.hpp"
#include "experiment/group.hpp"
#include "support/comparison.hpp"

using namespace sigprop;
using experiment::Component;
using experiment::Measured;
using experiment::Quantity;
using experiment::Setting;

namespace {

/// Independent measurements of one setting, few replicates each; by quantity.
std::array<test::Replicates, experiment::quantities> measurements(const Setting& setting, std::size_t replicates) {
  constexpr std::uint64_t seeds = 40;
  std::array<test::Replicates, experiment::quantities> out;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    const Measured one = *experiment::measure(setting, seed, replicates);
    for (std::size_t i = 0; i < out.size(); ++i) out[i].add(one[i]);
  }
  return out;
}

/// The component's setting with the first value of every axis but those named.
Setting setting_with(Component component, const std::map<std::string_view, double>& changes) {
  const experiment::Grid& grid = grid_of(component);
  std::size_t index = 0;
  for (const experiment::Axis& axis : grid.axes) {
    index *= axis.values.size();
    const auto change = changes.find(axis.name);
    if (change == changes.end()) continue;
    const auto found = std::find(axis.values.begin(), axis.values.end(), change->second);
    REQUIRE(found != axis.values.end());
    index += static_cast<std::size_t>(found - axis.values.begin());
  }
  return experiment::setting_of(grid, index);
}

constexpr std::size_t comparisons = 100;  // more than this file makes

void check_all(const Setting& setting, std::size_t replicates, const Measured& predicted) {
  const auto measured = measurements(setting, replicates);
  for (const experiment::Row& row : setting.grid->rows) {
    const auto i = static_cast<std::size_t>(row.quantity);
    const test::Comparison comparison = test::compare(predicted[i], measured[i], 0, comparisons);
    INFO(setting.grid->name << ", " << row.name << ": " << comparison);
    CHECK(comparison.agrees());
  }
}

constexpr double third = 0.3333333333333333, two_thirds = 0.6666666666666666, root_ten = 3.1622776601683795;

bool agrees(double predicted, const test::Replicates& measured, double model_error = 0) {
  const test::Comparison comparison = test::compare(predicted, measured, model_error, comparisons);
  UNSCOPED_INFO(comparison);
  return comparison.agrees();
}

constexpr auto variance = static_cast<std::size_t>(Quantity::variance);
constexpr auto gradient_variance = static_cast<std::size_t>(Quantity::gradient_variance);

}  // namespace

TEST_CASE("The linear map's measured moments are the exact ones") {
  const Setting setting = setting_with(Component::linear, {{"mean", 1},
                                                           {"std", root_ten},
                                                           {"token_correlation", third},
                                                           {"weight_std_times_sqrt_fan_in", 10},
                                                           {"gradient_std", root_ten},
                                                           {"gradient_correlation", two_thirds},
                                                           {"d_out", 316}});
  // q = 11, c = 10/3 + 1, w = 100/100, γ² = 10
  check_all(setting, 4, {0, 1100, 100 * (10 * third + 1), 0, 3160, 3160 * two_thirds});
}

TEST_CASE("Dropout's measured moments are the exact ones, and a wrong formula is rejected") {
  const Setting setting = setting_with(Component::dropout, {{"mean", 10},
                                                            {"std", 1},
                                                            {"token_correlation", two_thirds},
                                                            {"drop_probability", third},
                                                            {"gradient_std", root_ten},
                                                            {"gradient_correlation", third}});
  // (1 + 100/3)/(2/3) and 10/(2/3); covariances as they came
  check_all(setting, 4, {10, (1 + 100 * third) * 1.5, two_thirds, 0, 15, 10 * third});
  const double without_the_mean = 1.5;
  CHECK_FALSE(agrees(without_the_mean, measurements(setting, 4)[variance]));
}

TEST_CASE("A normalized token has mean 0, variance 1, and features that sum to 0") {
  const Measured moments = *experiment::measure(setting_with(Component::layer_norm, {{"std", root_ten}}), 0, 2);
  CHECK(moments[0] == Approx(0).margin(1e-6));
  CHECK(moments[variance] == Approx(1).epsilon(1e-5));
  CHECK(moments[static_cast<std::size_t>(Quantity::feature_covariance)] == Approx(-1.0 / 99).epsilon(1e-2));
}

TEST_CASE("ReLU and GELU, drawn in blocks of columns, have the exact moments") {
  cli::ExperimentPredictions predictions;
  for (const Component component : {Component::relu, Component::gelu}) {
    const Setting setting = setting_with(
        component, {{"std", 1}, {"token_correlation", 0.6}, {"gradient_std", root_ten}, {"gradient_correlation", 0.4}});
    check_all(setting, 100, predictions.full(setting));
  }
}

TEST_CASE("The softmax's measured moments are those of the exact functionals") {
  cli::ExperimentPredictions predictions;
  const Setting setting = setting_with(Component::softmax, {{"std", 1}, {"correlation", 0.2}});
  const Measured predicted = predictions.full(setting);
  const auto measured = measurements(setting, 1000);
  constexpr double quadrature = 1e-4;  // softmax_row's stated error
  CHECK(agrees(predicted[variance], measured[variance], quadrature));
  CHECK(agrees(predicted[gradient_variance], measured[gradient_variance], quadrature));
  const double large_length = cli::ExperimentPredictions::paper(setting, setting.grid->rows[2])[variance];
  CHECK_FALSE(agrees(large_length, measured[variance], quadrature));
}

TEST_CASE("The attention's input gradient goes through queries and keys too") {
  cli::ExperimentPredictions predictions;
  const Setting setting = setting_with(Component::attention, {{"query_key_weight_std_times_sqrt_fan_in", 0.6},
                                                              {"drop_probability", two_thirds},
                                                              {"d_in", 100},
                                                              {"d_head", 64}});
  const auto measured = measurements(setting, 4);
  constexpr double width_100 = 0.06;  // docs/theory.md: 2 % at d = 512
  CHECK(agrees(predictions.full(setting)[gradient_variance], measured[gradient_variance], width_100));
  const double values_only = cli::ExperimentPredictions::paper(setting, setting.grid->rows[2])[gradient_variance];
  CHECK_FALSE(agrees(values_only, measured[gradient_variance], width_100));
}

TEST_CASE("Scales multiply the moments exactly") {
  const Setting unit = setting_with(Component::dropout, {{"gradient_std", 1}});
  const Setting large = setting_with(Component::dropout, {{"gradient_std", root_ten}});
  REQUIRE(experiment::group_of(unit) == experiment::group_of(large));
  const Measured a = *experiment::measure(unit, 3, 2), b = *experiment::measure(large, 3, 2);
  CHECK(a[0] == b[0]);
  CHECK(b[gradient_variance] == Approx(10 * a[gradient_variance]).epsilon(1e-14));
}

TEST_CASE("Settings that differ in more than scales have random numbers of their own") {
  const experiment::Grid& grid = grid_of(Component::linear);
  std::set<std::uint64_t> seeds;
  for (std::size_t i = 0; i < grid.settings(); ++i) seeds.insert(group_seed(0, grid, group_of(setting_of(grid, i))));
  CHECK(seeds.size() == grid.settings() / 9);
}

TEST_CASE("One replicate is refused") {
  CHECK_THROWS_WITH(experiment::measure(setting_with(Component::relu, {}), 0, 1),
                    "replicates 1: a covariance needs at least 2 of them");
}
