// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sigprop/simulate/simulate.hpp"

/// The component simulations of arXiv:2403.09635: one component alone, on correlated normal inputs
/// and gradients, over a grid of settings. Nothing here knows a formula of the theory.
namespace sigprop::experiment {

enum class Component { linear, relu, gelu, layer_norm, dropout, softmax, attention };

inline constexpr std::array components{Component::linear,     Component::relu,    Component::gelu,
                                       Component::layer_norm, Component::dropout, Component::softmax,
                                       Component::attention};

/// How the measured moments depend on a parameter. A weight's scale multiplies output and input
/// gradient, a gradient's scale the input gradient: settings that differ in scales only share their
/// random numbers.
enum class Role { plain, weight_scale, gradient_scale };

struct Axis {
  std::string_view name;
  std::span<const double> values;
  Role role = Role::plain;
};

enum class Quantity { mean, variance, covariance, feature_covariance, gradient_variance, gradient_covariance };
inline constexpr std::size_t quantities = 6;

/// Errors in percent at the percentiles 50, 90 and 99.
using Percentiles = std::array<double, 3>;

/// One row of the published table.
struct Row {
  std::string_view name;
  Quantity quantity;
  Percentiles published;
};

/// The settings are the full product of the axes, the last axis fastest.
struct Grid {
  Component component;
  std::string_view name;
  std::size_t replicates;  ///< of a setting; for the softmax its rows
  std::span<const Axis> axes;
  std::span<const Row> rows;

  [[nodiscard]] std::size_t settings() const;
};

[[nodiscard]] const Grid& grid_of(Component component);

/// One point of a grid: its values, in the order of the axes.
struct Setting {
  const Grid* grid;
  std::size_t index;
  std::vector<double> values;

  /// Throws std::out_of_range where the grid has no axis of that name.
  [[nodiscard]] double operator[](std::string_view name) const;
};

/// Setting `index` of the grid; throws std::out_of_range beyond its end.
[[nodiscard]] Setting setting_of(const Grid& grid, std::size_t index);

/// `count` different indices drawn with the seed, all for a count as large as the grid; in
/// ascending order.
[[nodiscard]] std::vector<std::size_t> random_indices(const Grid& grid, std::size_t count, std::uint64_t seed);

/// Moments over all replicates of a setting, by quantity. A variance is taken around the mean of
/// all elements, a covariance around the means of its two tokens (features), over replicates and
/// features (tokens), and averaged over all pairs.
using Measured = std::array<double, quantities>;

/// Draws the setting's replicates and measures, on the CPU. Random numbers depend on the seed, the
/// component, and the place in the grid scales left out. None where `stop` became true before the
/// end. Throws std::invalid_argument for fewer than two replicates.
[[nodiscard]] std::optional<Measured> measure(const Setting& setting, std::uint64_t seed, std::size_t replicates,
                                              const std::atomic<bool>* stop = nullptr);

/// The file in which a run keeps what it has measured, a record for every setting that shares no
/// random numbers with another.
struct Checkpoint {
  std::string file;
  bool resume = false;                                ///< go on with what the file holds; else the file must not exist
  std::function<void(const std::string&)> warn = {};  ///< of what was damaged in the file; may be empty
};

struct Options {
  std::uint64_t seed = 0;
  std::optional<std::size_t> replicates;  ///< default: the grid's own
  int threads = 0;                        ///< of the CPU; 0: as many as the machine has
  simulate::Engine engine = simulate::Engine::cpu;
  std::optional<int> device;  ///< of CUDA; default: settings are spread over all
  simulate::Precision precision = simulate::Precision::float32;
  std::optional<Checkpoint> checkpoint;
};

struct Progress {
  Component component;
  std::size_t done;
  std::size_t total;
  std::size_t resumed;  ///< of those done, read from the checkpoint
  double seconds;       ///< since the component was begun
};

/// Settings to measure of one component, by their index.
struct Task {
  Component component;
  std::vector<std::size_t> indices;
};

/// Measures every task, its settings side by side on the threads; the numbers do not depend on how
/// many there are. By task and index; none where `stop` came first. Throws simulate::UsageError for
/// the precision and the checkpoint, simulate::MachineError for the checkpoint and the device.
[[nodiscard]] std::vector<std::vector<std::optional<Measured>>> run(
    const std::vector<Task>& tasks, const Options& options, const std::function<void(const Progress&)>& report = {},
    const std::atomic<bool>* stop = nullptr);

/// The authors' measure of error, as a fraction. `predicted` holds the theory's value of each
/// quantity. Variances: relative to the measured value. Mean and covariances: the smaller of that
/// and the difference relative to the predicted variance; where 0 is predicted, the smaller of the
/// measured value and the same over the variance. For the softmax, and the attention's gradient
/// covariance: relative to the measured value.
[[nodiscard]] double error(Component component, Quantity quantity, const Measured& measured, const Measured& predicted);

/// Of errors as fractions, in percent: element ⌊n q⌋ of the sorted ones. Throws
/// std::invalid_argument for none.
[[nodiscard]] Percentiles percentiles(std::vector<double> errors);

}  // namespace sigprop::experiment
