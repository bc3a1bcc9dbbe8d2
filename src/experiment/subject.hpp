// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "experiment/statistics.hpp"
#include "sigprop/experiment/experiment.hpp"
#include "sigprop/network/network.hpp"

/// What the measured components share.
namespace sigprop::experiment {

/// One setting with its random numbers: those of replicate r of the seed.
struct Subject {
  const Setting& setting;
  std::uint64_t seed;
  std::size_t replicates;
  const std::atomic<bool>* stop;

  [[nodiscard]] bool stopped() const { return stop != nullptr && stop->load(); }
  [[nodiscard]] double operator[](std::string_view name) const { return setting[name]; }
  [[nodiscard]] std::size_t size(std::string_view name) const { return static_cast<std::size_t>(setting[name]); }
};

/// Tensors of a replicate.
enum Tensor : std::uint32_t { input, gradient, weight, mask, query_weight, key_weight, value_weight };

/// The setting's mean, variance and token correlation of the input, and of the gradient, whose mean
/// is 0.
[[nodiscard]] network::GivenInput input_of(const Subject& subject);
[[nodiscard]] network::GivenInput gradient_of(const Subject& subject);

/// The moments of an output and an input gradient.
[[nodiscard]] Measured moments(const Statistics& output, const Statistics& gradient);

/// Replicates of one feature that are drawn together, as columns. 64 columns of 1000 tokens stay in
/// a processor's second cache.
inline constexpr std::size_t columns_at_once = 64;

/// Moments of the softmax of rows of L scores, which are the replicates: of L·A - 1, whose variance
/// does not vanish beside its mean as that of A does, and of the gradient.
struct RowMoments {
  double mean;
  double variance;
  double gradient_variance;
};

[[nodiscard]] inline Measured moments(const RowMoments& rows, double length) {
  const double scale = 1 / length, square = scale * scale;
  return {(1 + rows.mean) * scale, rows.variance * square, 0, 0, rows.gradient_variance * square, 0};
}

/// Scores of a row are own · z + common · z': z of its own, z' (element L of the tensor) shared by
/// all.
struct ScoreScales {
  float own;
  float common;
  float gradient;
};

[[nodiscard]] ScoreScales score_scales(const Subject& subject);

/// Measures settings: workers side by side, each a setting at a time.
class Measurer {
 public:
  virtual ~Measurer() = default;
  [[nodiscard]] virtual int workers() const = 0;
  /// By one worker on the calling thread; none where it was stopped.
  [[nodiscard]] virtual std::optional<Measured> measure(int worker, const Subject& subject) = 0;
};

/// On threads of the CPU.
[[nodiscard]] std::unique_ptr<Measurer> cpu_measurer(int threads);

}  // namespace sigprop::experiment
