// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "experiment/subject.hpp"
#include "sigprop/simulate/simulate.hpp"
#include "simulate/subject.hpp"
#include "simulate/workers.hpp"

/// The CUDA engine as the rest of the program sees it. It lies in a module of its own,
/// libsigprop_cuda.so, that is loaded when it is first asked for: the program starts without CUDA's
/// libraries, on machines that have none, and without the 0.1 s that loading them takes.
namespace sigprop::cuda {

/// A device's number, name, and memory in bytes.
struct DeviceInfo {
  int index = 0;
  std::string name;
  double bytes = 0;
  double free = 0;
};

class Module {
 public:
  virtual ~Module() = default;
  /// Of sigprop, for which the module was built.
  [[nodiscard]] virtual std::string version() const = 0;
  /// At least one. Throws simulate::MachineError where there is none.
  [[nodiscard]] virtual std::vector<DeviceInfo> devices() const = 0;
  [[nodiscard]] virtual simulate::Plan plan(const simulate::Subject& subject,
                                            const simulate::Settings& settings) const = 0;
  [[nodiscard]] virtual std::unique_ptr<simulate::Workers> workers(const simulate::Subject& subject,
                                                                   const simulate::Settings& settings,
                                                                   const simulate::Plan& plan,
                                                                   const std::atomic<bool>* stop) const = 0;
  /// On one device, or all.
  [[nodiscard]] virtual std::unique_ptr<experiment::Measurer> measurer(std::optional<int> device,
                                                                       simulate::Precision precision) const = 0;
};

/// The module, loaded on the first call. Throws simulate::MachineError where this build has none or
/// it cannot be loaded.
[[nodiscard]] const Module& module();

/// Tests hand in a module of their own; null takes it back.
void use(const Module* module);

}  // namespace sigprop::cuda
