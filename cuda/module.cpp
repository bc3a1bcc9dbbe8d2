// SPDX-License-Identifier: Apache-2.0
#include "cuda/module.hpp"

#include <algorithm>
#include <cmath>

#include "cuda/devices.hpp"
#include "cuda/engine.hpp"
#include "cuda/measurer.hpp"
#include "simulate/gigabytes.hpp"
#include "simulate/walk.hpp"

namespace sigprop::cuda {
namespace {

using simulate::in_gigabytes;
using simulate::MachineError;
using simulate::Plan;
using simulate::Policy;
using simulate::Settings;
using simulate::Subject;

Thrift thrift_of(const Plan& plan) {
  return {plan.redraw_weights, static_cast<std::size_t>(plan.score_bytes)};
}

Policy policy_of(const Plan& plan) {
  return plan.recompute ? Policy::recompute : Policy::keep;
}

Batch batch_of(const Subject& subject, std::size_t replicates, DrawKey key) {
  return {simulate::tokens_of(subject.network), replicates, key, subject.norm_epsilon, subject.layout.size()};
}

/// The memory of a batch, counted by walking its network on no device.
double bytes_of(const Subject& subject, Arithmetic arithmetic, const Plan& plan) {
  Context context = Context::dry(arithmetic);
  Engine engine(context, batch_of(subject, static_cast<std::size_t>(plan.replicates_at_once), {}), thrift_of(plan));
  simulate::Walk<Engine>(subject, engine, policy_of(plan), nullptr).run();
  return static_cast<double>(context.peak());
}

/// Replicates for which the device is full: more would take memory and bring nothing.
int filling(const Subject& subject) {
  constexpr double enough = 1 << 25;  // numbers of a signal: 4 times d = 4096, L = 2048
  const double signal =
      subject.network.batch_size() * subject.network.length() * static_cast<double>(subject.network.width);
  return static_cast<int>(std::clamp(std::ceil(enough / signal), 1.0, 4096.0));
}

[[noreturn]] void refuse(const Plan& plan, double limit, const DeviceInfo& device, bool asked) {
  throw MachineError("one network needs " + in_gigabytes(plan.bytes) + " of memory on CUDA device " +
                     std::to_string(device.index) + " (" + device.name + "), but may use " + in_gigabytes(limit) +
                     (asked ? " (--memory)" : ", 90 % of what is free") + ": shorten the sequence, lower the batch" +
                     (asked ? ", or raise --memory" : ""));
}

class DeviceWorkers : public simulate::Workers {
 public:
  DeviceWorkers(const Subject& subject, const Settings& settings, const Plan& plan, const std::atomic<bool>* stop)
      : subject_(subject),
        settings_(settings),
        plan_(plan),
        stop_(stop),
        devices_(plan.devices, arithmetic_of(settings.precision)) {}

  [[nodiscard]] int count() const override { return devices_.count(); }
  [[nodiscard]] std::size_t batch() const override { return static_cast<std::size_t>(plan_.replicates_at_once); }

  [[nodiscard]] std::vector<simulate::Sample> run(int worker, std::uint32_t first, std::size_t count) override {
    Engine engine(devices_.of_worker(worker), batch_of(subject_, count, {settings_.seed, first}), thrift_of(plan_));
    simulate::Walk<Engine>(subject_, engine, policy_of(plan_), stop_).run();
    return engine.finish();
  }

 private:
  const Subject& subject_;
  const Settings& settings_;
  const Plan& plan_;
  const std::atomic<bool>* stop_;
  Devices devices_;
};

class DeviceModule : public Module {
 public:
  [[nodiscard]] std::string version() const override { return SIGPROP_VERSION; }
  [[nodiscard]] std::vector<DeviceInfo> devices() const override { return list_devices(); }

  /// Of as many replicates as fill the device, as few as it takes to keep all their weights and
  /// signals; of one, weights drawn again, then layers computed again, where nothing else fits.
  [[nodiscard]] Plan plan(const Subject& subject, const Settings& settings) const override {
    const std::vector<DeviceInfo> devices = list_devices(settings.device);
    constexpr double usable = 0.9;  // of what is free: memory in pieces, and what CUDA itself takes
    const auto smallest =
        std::min_element(devices.begin(), devices.end(), [](const auto& a, const auto& b) { return a.free < b.free; });
    const double limit = settings.memory.value_or(usable * smallest->free);
    constexpr double most_scores = 1 << 30, share = 8;
    Plan plan;
    for (const DeviceInfo& device : devices) plan.devices.push_back(device.index);
    plan.device_name = devices.front().name;
    plan.score_bytes = std::floor(std::min(most_scores, limit / share));
    const std::size_t each = (settings.replicates + devices.size() - 1) / devices.size();
    const auto fits = [&] {
      plan.bytes = bytes_of(subject, arithmetic_of(settings.precision), plan);
      return plan.bytes <= limit;
    };
    plan.replicates_at_once = static_cast<int>(std::min<std::size_t>(each, static_cast<std::size_t>(filling(subject))));
    while (!fits()) {
      if (plan.replicates_at_once > 1) {
        plan.replicates_at_once = (plan.replicates_at_once + 1) / 2;
      } else if (plan.recompute) {
        refuse(plan, limit, *smallest, settings.memory.has_value());
      } else {
        plan.recompute = plan.redraw_weights;
        plan.redraw_weights = !plan.redraw_weights;
      }
    }
    return plan;
  }

  [[nodiscard]] std::unique_ptr<simulate::Workers> workers(const Subject& subject, const Settings& settings,
                                                           const Plan& plan,
                                                           const std::atomic<bool>* stop) const override {
    return std::make_unique<DeviceWorkers>(subject, settings, plan, stop);
  }

  [[nodiscard]] std::unique_ptr<experiment::Measurer> measurer(std::optional<int> device,
                                                               simulate::Precision precision) const override {
    return measurer_on(list_devices(device), arithmetic_of(precision));
  }
};

}  // namespace

const Module& device_module() {
  static const DeviceModule module;
  return module;
}

}  // namespace sigprop::cuda
