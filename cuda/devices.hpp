// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "cuda/context.hpp"

namespace sigprop::cuda {

/// One context for every worker, made when the worker first needs it.
class Devices {
 public:
  Devices(std::vector<int> devices, Arithmetic arithmetic)
      : devices_(std::move(devices)), arithmetic_(arithmetic), contexts_(devices_.size()) {}

  [[nodiscard]] int count() const { return static_cast<int>(devices_.size()); }

  /// For the calling thread to work with.
  [[nodiscard]] Context& of_worker(int worker) {
    const auto at = static_cast<std::size_t>(worker);
    if (!contexts_[at]) contexts_[at].emplace(devices_[at], arithmetic_);
    contexts_[at]->use();
    return *contexts_[at];
  }

 private:
  std::vector<int> devices_;
  Arithmetic arithmetic_;
  std::vector<std::optional<Context>> contexts_;
};

[[nodiscard]] inline Arithmetic arithmetic_of(simulate::Precision precision) {
  if (precision == simulate::Precision::tf32) return Arithmetic::tf32;
  return precision == simulate::Precision::bf16 ? Arithmetic::bf16 : Arithmetic::float32;
}

}  // namespace sigprop::cuda
