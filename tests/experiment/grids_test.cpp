// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <set>

#include "sigprop/experiment/experiment.hpp"
#include "support/reference.hpp"

using namespace sigprop;
using experiment::Component;

TEST_CASE("The grids have as many settings as were published") {
  const std::vector<std::size_t> published{13122, 450, 450, 4050, 4374, 625, 26244};
  std::vector<std::size_t> settings;
  for (const Component component : experiment::components) settings.push_back(grid_of(component).settings());
  CHECK(settings == published);
}

TEST_CASE("Every component finds its own grid") {
  for (const Component component : experiment::components) CHECK(grid_of(component).component == component);
}

TEST_CASE("Grids and percentiles are those of the reference") {
  const auto reference = test::read_reference("paper_grids.json");
  for (const Component component : experiment::components) {
    const experiment::Grid& grid = grid_of(component);
    const nlohmann::json& expected = reference.at(std::string(grid.name));
    INFO(grid.name);
    CHECK(grid.settings() == expected.at("settings").get<std::size_t>());
    CHECK(grid.replicates == expected.at("replicates").get<std::size_t>());
    for (const experiment::Axis& axis : grid.axes) {
      CHECK(std::vector<double>(axis.values.begin(), axis.values.end()) ==
            expected.at(std::string(axis.name)).get<std::vector<double>>());
    }
    CHECK(grid.rows.size() == expected.at("published").size());
    for (const experiment::Row& row : grid.rows)
      CHECK(row.published == expected.at("published").at(std::string(row.name)).get<experiment::Percentiles>());
  }
}

TEST_CASE("All settings of a grid differ, and the last axis is the fastest") {
  const experiment::Grid& grid = grid_of(Component::relu);
  std::set<std::vector<double>> values;
  for (std::size_t i = 0; i < grid.settings(); ++i) values.insert(setting_of(grid, i).values);
  CHECK(values.size() == grid.settings());
  CHECK(setting_of(grid, 0)["sequence_length"] == 100);
  CHECK(setting_of(grid, 1)["sequence_length"] == 1000);
  CHECK(setting_of(grid, 2)["gradient_correlation"] == 0.2);
}

TEST_CASE("A setting beyond the grid, and a parameter that it has not, are told") {
  const experiment::Grid& grid = grid_of(Component::softmax);
  CHECK_THROWS_WITH(setting_of(grid, 625), "setting 625 of the grid softmax: it has settings 0 to 624");
  CHECK_THROWS_WITH(setting_of(grid, 0)["d_in"], "the grid softmax has no parameter d_in");
}

TEST_CASE("Random settings are different, sorted, a function of the seed, and all of them where as many are asked") {
  const experiment::Grid& grid = grid_of(Component::attention);
  const std::vector<std::size_t> some = random_indices(grid, 1000, 7);
  CHECK(std::set<std::size_t>(some.begin(), some.end()).size() == 1000);
  CHECK(std::is_sorted(some.begin(), some.end()));
  CHECK(some.back() < grid.settings());
  CHECK(some == random_indices(grid, 1000, 7));
  CHECK(some != random_indices(grid, 1000, 8));
  const std::vector<std::size_t> all = random_indices(grid_of(Component::relu), 1000, 0);
  CHECK(all.size() == 450);
  CHECK(all.front() == 0);
  CHECK(all.back() == 449);
}
