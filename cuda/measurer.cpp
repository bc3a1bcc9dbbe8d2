// SPDX-License-Identifier: Apache-2.0
#include "cuda/measurer.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "cuda/engine.hpp"
#include "cuda/kernels/score_rows.hpp"
#include "experiment/components.hpp"

namespace sigprop::cuda {
namespace {

using experiment::Component;
using experiment::Measured;
using experiment::Statistics;
using experiment::Subject;

/// What a setting may take of a device.
struct Share {
  std::size_t numbers_at_once;  ///< of one signal
  Thrift thrift;
};

Share share_of(const DeviceInfo& device) {
  constexpr double most_numbers = 1 << 27;                  // 512 MiB: beyond it a device is full
  constexpr double usable = 0.9, signals = 16, scores = 8;  // of what is free; signals live at once; a part for scores
  const double numbers = std::min(most_numbers, usable * device.free / (signals * sizeof(float)));
  Thrift thrift;
  thrift.score_bytes = std::min(thrift.score_bytes, static_cast<std::size_t>(device.free / scores));
  return {static_cast<std::size_t>(numbers), thrift};
}

/// Replicates of a setting side by side, as many as the share allows.
class DevicePlatform {
 public:
  DevicePlatform(Context& context, const Subject& subject, const Share& share)
      : context_(context), subject_(subject), share_(share) {}

  [[nodiscard]] std::size_t tokens() const { return subject_.size("sequence_length"); }

  template <class F>
  [[nodiscard]] bool over_replicates(const F& f) {
    return over_batches(subject_.replicates, widest(), [&](Engine& engine) { f(engine); });
  }

  /// f(engine) for batches of `count` replicates whose signals are at most `width` wide.
  template <class F>
  [[nodiscard]] bool over_batches(std::size_t count, std::size_t width, const F& f, std::size_t first = 0) {
    const std::size_t at_once = std::max<std::size_t>(1, share_.numbers_at_once / (tokens() * width));
    for (std::size_t end = first + count; first < end; first += at_once) {
      if (subject_.stopped()) return false;
      const simulate::Tokens one_sequence{1, static_cast<std::ptrdiff_t>(tokens())};
      Engine engine(context_,
                    {one_sequence,
                     std::min(at_once, end - first),
                     {subject_.seed, static_cast<std::uint32_t>(first)},
                     experiment::norm_epsilon,
                     experiment::score_numbers},
                    share_.thrift);
      engine_ = &engine;
      f(engine);
    }
    return true;
  }

  [[nodiscard]] Engine::Weight shared_weight(std::uint32_t tensor, std::size_t out, std::size_t in, double std) {
    return Engine::shared_weight(context_, subject_.seed, tensor, out, in, std);
  }

  void add(Statistics& statistics, const Engine::Signal& x) {
    const SignalShape shape = engine_->shape_of(x);
    const Pieces pieces = pieces_of(context_, shape, x.data.data());
    const Buffer<double> tokens(context_, shape.replicates * shape.length);
    const Buffer<double> columns(context_, shape.replicates * shape.width);
    row_sums(context_, tokens.size(), shape.width, x.data.data(), tokens.data());
    column_sums(context_, shape, pieces, columns.data());
    const std::vector<double> squares = on_host(pieces.squares);
    statistics.add(on_host(tokens), on_host(columns), std::accumulate(squares.begin(), squares.end(), 0.0));
  }

 private:
  [[nodiscard]] std::size_t widest() const {
    double width = 1;
    const std::span<const experiment::Axis> axes = subject_.setting.grid->axes;
    for (const char* name : {"d_in", "d_out", "features"}) {
      const bool there = std::any_of(axes.begin(), axes.end(), [&](const auto& axis) { return axis.name == name; });
      if (there) width = std::max(width, subject_[name]);
    }
    return static_cast<std::size_t>(width);
  }

  [[nodiscard]] std::vector<double> on_host(const Buffer<double>& numbers) {
    std::vector<double> out(numbers.size());
    context_.download(out.data(), numbers.data(), numbers.bytes());
    return out;
  }

  Context& context_;
  const Subject& subject_;
  const Share share_;
  Engine* engine_ = nullptr;  ///< of the batch under way
};

/// One feature: replicates stand side by side as columns of blocks, and the blocks as the
/// replicates of a batch.
std::optional<Measured> activation(DevicePlatform& platform, const Subject& subject) {
  const auto kind = subject.setting.grid->component == Component::relu ? network::ActivationKind::relu
                                                                       : network::ActivationKind::gelu;
  Statistics output(platform.tokens(), 1), back(platform.tokens(), 1);
  const auto measure = [&](std::size_t first, std::size_t blocks, std::size_t columns) {
    return platform.over_batches(
        blocks, columns,
        [&](Engine& engine) {
          const auto activated = engine.activate(kind, engine.tokens(experiment::input, columns, input_of(subject)));
          auto g = engine.tokens(experiment::gradient, columns, gradient_of(subject));
          engine.multiply(g, activated.derivative);
          platform.add(output, activated.value);
          platform.add(back, g);
        },
        first);
  };
  constexpr std::size_t columns = experiment::columns_at_once;
  const std::size_t whole = subject.replicates / columns, rest = subject.replicates % columns;
  if (whole > 0 && !measure(0, whole, columns)) return std::nullopt;
  if (rest > 0 && !measure(whole, 1, rest)) return std::nullopt;
  return moments(output, back);
}

/// Rows are the replicates.
std::optional<Measured> softmax_rows(Context& context, const Subject& subject, const Share& share) {
  const std::size_t length = subject.size("sequence_length");
  const std::size_t at_once = std::max<std::size_t>(1, share.numbers_at_once / length);
  const experiment::ScoreScales scales = score_scales(subject);
  RowSums sums;
  for (std::size_t first = 0; first < subject.replicates; first += at_once) {
    if (subject.stopped()) return std::nullopt;
    const RowSums part = softmax_of_random_rows(
        context, {subject.seed, static_cast<std::uint32_t>(first)}, std::min(at_once, subject.replicates - first),
        length, experiment::input, experiment::gradient, scales.own, scales.common, scales.gradient);
    sums.output += part.output;
    sums.output_squares += part.output_squares;
    sums.gradient += part.gradient;
    sums.gradient_squares += part.gradient_squares;
  }
  const double count = static_cast<double>(subject.replicates * length);
  const double mean = sums.output / count, back = sums.gradient / count;
  return moments(experiment::RowMoments{mean, sums.output_squares / count - mean * mean,
                                        sums.gradient_squares / count - back * back},
                 static_cast<double>(length));
}

std::vector<int> indices_of(const std::vector<DeviceInfo>& devices) {
  std::vector<int> out;
  for (const DeviceInfo& device : devices) out.push_back(device.index);
  return out;
}

class DeviceMeasurer : public experiment::Measurer {
 public:
  DeviceMeasurer(const std::vector<DeviceInfo>& devices, Arithmetic arithmetic)
      : devices_(indices_of(devices), arithmetic) {
    for (const DeviceInfo& device : devices) shares_.push_back(share_of(device));
  }

  [[nodiscard]] int workers() const override { return devices_.count(); }

  [[nodiscard]] std::optional<Measured> measure(int worker, const Subject& subject) override {
    Context& context = devices_.of_worker(worker);
    const Share& share = shares_[static_cast<std::size_t>(worker)];
    DevicePlatform platform(context, subject, share);
    switch (subject.setting.grid->component) {
      case Component::linear:
        return linear(platform, subject);
      case Component::relu:
      case Component::gelu:
        return activation(platform, subject);
      case Component::layer_norm:
        return layer_norm(platform, subject);
      case Component::dropout:
        return dropout(platform, subject);
      case Component::softmax:
        return softmax_rows(context, subject, share);
      case Component::attention:
        return attention(platform, subject);
    }
    throw std::logic_error("a component without a simulation");
  }

 private:
  Devices devices_;
  std::vector<Share> shares_;
};

}  // namespace

std::unique_ptr<experiment::Measurer> measurer_on(const std::vector<DeviceInfo>& devices, Arithmetic arithmetic) {
  return std::make_unique<DeviceMeasurer>(devices, arithmetic);
}

}  // namespace sigprop::cuda
