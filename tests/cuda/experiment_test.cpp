// SPDX-License-Identifier: Apache-2.0
// The component grids on the device against the CPU: one seed, one set of random numbers.
#include <cmath>
#include <map>

#include "cuda/device.hpp"
#include "sigprop/experiment/experiment.hpp"

namespace {

using namespace sigprop;
using experiment::Component;
using experiment::Measured;

/// The first setting of a grid whose values are at most these; unnamed parameters are free.
std::size_t small_setting(const experiment::Grid& grid, const std::map<std::string_view, double>& wanted) {
  for (std::size_t index = 0; index < grid.settings(); ++index) {
    const experiment::Setting setting = setting_of(grid, index);
    bool fits = true;
    for (const auto& [name, value] : wanted)
      fits = fits && setting[name] >= value - 0.01 && setting[name] <= value + 0.01;
    if (fits) return index;
  }
  throw std::logic_error("no such setting");
}

Measured measured(Component component, std::size_t index, std::size_t replicates, simulate::Engine engine,
                  simulate::Precision precision = simulate::Precision::float32) {
  const test::LinkedEngine linked;
  experiment::Options options;
  options.seed = 4;
  options.replicates = replicates;
  options.threads = 1;
  options.engine = engine;
  options.precision = precision;
  return *experiment::run({{component, {index}}}, options)[0][0];
}

/// Moments agree within rounding: relative to the variance, as a mean or a covariance may be near
/// 0.
void check_same(Component component, const std::map<std::string_view, double>& values, std::size_t replicates) {
  if (!test::has_device()) return;
  const experiment::Grid& grid = grid_of(component);
  INFO(grid.name);
  const std::size_t index = small_setting(grid, values);
  const Measured cpu = measured(component, index, replicates, simulate::Engine::cpu);
  const Measured gpu = measured(component, index, replicates, simulate::Engine::cuda);
  constexpr double rounding = 2e-6;
  using enum experiment::Quantity;
  const auto number = [](const Measured& m, experiment::Quantity q) { return m[static_cast<std::size_t>(q)]; };
  const double deviation = std::sqrt(number(cpu, variance));
  for (const auto q : {mean, variance, covariance, feature_covariance, gradient_variance, gradient_covariance}) {
    INFO("quantity " << static_cast<int>(q) << ": " << number(cpu, q) << " " << number(gpu, q));
    const bool of_gradient = q == gradient_variance || q == gradient_covariance;
    const double scale = of_gradient ? number(cpu, gradient_variance) : (q == mean ? deviation : number(cpu, variance));
    CHECK(std::abs(number(gpu, q) - number(cpu, q)) <= rounding * (scale + std::abs(number(cpu, q))));
  }
}

TEST_CASE("the linear grid is the same on both engines") {
  check_same(Component::linear, {{"d_in", 100}, {"d_out", 316}, {"sequence_length", 100}, {"mean", 1}}, 3);
}

TEST_CASE("the activations' grids are the same on both engines, whole blocks of columns and the rest") {
  check_same(Component::relu, {{"sequence_length", 100}, {"token_correlation", 0.4}}, 150);
  check_same(Component::gelu, {{"sequence_length", 100}, {"token_correlation", 0.4}}, 40);
}

TEST_CASE("the layer norm's grid is the same on both engines") {
  check_same(Component::layer_norm, {{"features", 100}, {"sequence_length", 100}, {"token_correlation", 0.2}}, 3);
}

TEST_CASE("the dropout's grid is the same on both engines") {
  check_same(Component::dropout, {{"features", 100}, {"sequence_length", 100}, {"drop_probability", 1.0 / 3}}, 3);
}

TEST_CASE("the softmax's grid is the same on both engines") {
  check_same(Component::softmax, {{"sequence_length", 300}, {"std", 1}, {"correlation", 0.4}}, 20);
}

TEST_CASE("the attention's grid is the same on both engines, with the weights that all replicates share") {
  check_same(Component::attention,
             {{"d_in", 100}, {"d_head", 32}, {"sequence_length", 300}, {"drop_probability", 1.0 / 3}}, 2);
}

TEST_CASE("a linear setting in bf16 differs as its rounding does") {
  if (!test::has_device()) return;
  const std::size_t index =
      small_setting(grid_of(Component::linear), {{"d_in", 100}, {"d_out", 100}, {"sequence_length", 100}});
  const double exact = measured(Component::linear, index, 3, simulate::Engine::cpu)[1];
  const double rounded = measured(Component::linear, index, 3, simulate::Engine::cuda, simulate::Precision::bf16)[1];
  CHECK(rounded != exact);
  CHECK(rounded == Approx(exact).epsilon(0.01));
}

TEST_CASE("float64 is refused on a device, tf32 on the CPU") {
  if (!test::has_device()) return;
  CHECK_THROWS_WITH(measured(Component::relu, 0, 2, simulate::Engine::cuda, simulate::Precision::float64),
                    "--precision float64 is not for --engine cuda, which computes in float32, tf32 or bf16");
  CHECK_THROWS_WITH(measured(Component::relu, 0, 2, simulate::Engine::cpu, simulate::Precision::tf32),
                    "--precision tf32 is not for --engine cpu, which computes in float32 or float64");
}

}  // namespace
