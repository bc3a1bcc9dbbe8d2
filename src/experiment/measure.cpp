// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <stdexcept>

#include "experiment/cpu_platform.hpp"
#include "experiment/group.hpp"

namespace sigprop::experiment {
namespace {

/// Every thread measures settings of its own.
class CpuMeasurer : public Measurer {
 public:
  explicit CpuMeasurer(int threads) : threads_(threads) {}

  [[nodiscard]] int workers() const override { return threads_; }

  [[nodiscard]] std::optional<Measured> measure(int, const Subject& subject) override {
    CpuPlatform platform(subject);
    switch (subject.setting.grid->component) {
      case Component::linear:
        return linear(platform, subject);
      case Component::relu:
      case Component::gelu:
        return activation_on_cpu(subject);
      case Component::layer_norm:
        return layer_norm(platform, subject);
      case Component::dropout:
        return dropout(platform, subject);
      case Component::softmax:
        return softmax_on_cpu(subject);
      case Component::attention:
        return attention(platform, subject);
    }
    throw std::logic_error("a component without a simulation");
  }

 private:
  int threads_;
};

}  // namespace

network::GivenInput input_of(const Subject& subject) {
  const double std = subject["std"];
  return {subject["mean"], std * std, subject["token_correlation"], 0};
}

network::GivenInput gradient_of(const Subject& subject) {
  const double std = subject["gradient_std"];
  return {0, std * std, subject["gradient_correlation"], 0};
}

Measured moments(const Statistics& output, const Statistics& gradient) {
  return {output.mean(),       output.variance(),    output.covariance(), output.feature_covariance(),
          gradient.variance(), gradient.covariance()};
}

ScoreScales score_scales(const Subject& subject) {
  const double std = subject["std"], correlation = subject["correlation"];
  return {static_cast<float>(std * std::sqrt(1 - correlation)), static_cast<float>(std * std::sqrt(correlation)),
          static_cast<float>(subject["gradient_std"])};
}

std::unique_ptr<Measurer> cpu_measurer(int threads) {
  return std::make_unique<CpuMeasurer>(threads);
}

std::optional<Measured> measure_group(Measurer& measurer, int worker, const Grid& grid, std::size_t group,
                                      std::uint64_t seed, std::size_t replicates, const std::atomic<bool>* stop) {
  if (replicates < 2) {
    throw std::invalid_argument("replicates " + std::to_string(replicates) + ": a covariance needs at least 2 of them");
  }
  const Setting unit = unit_setting(grid, group);
  return measurer.measure(worker, {unit, group_seed(seed, grid, group), replicates, stop});
}

std::optional<Measured> measure(const Setting& setting, std::uint64_t seed, std::size_t replicates,
                                const std::atomic<bool>* stop) {
  CpuMeasurer measurer(1);
  const auto unit = measure_group(measurer, 0, *setting.grid, group_of(setting), seed, replicates, stop);
  if (!unit) return std::nullopt;
  return scaled(*unit, setting);
}

}  // namespace sigprop::experiment
