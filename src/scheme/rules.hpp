// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <string>

#include "sigprop/scheme/scheme.hpp"

/// What the schemes' functions share.
namespace sigprop::scheme {

[[nodiscard]] inline double real(std::size_t n) {
  return static_cast<double>(n);
}

[[nodiscard]] inline double layers_of(const Task& task) {
  return real(task.stack.layers());
}

[[nodiscard]] inline double width_of(const Task& task) {
  return real(task.stack.width);
}

/// Features of all heads together: fan-in of the output projection.
[[nodiscard]] inline double heads_width(const Task& task) {
  return real(task.stack.attention.heads * task.stack.attention.head_width);
}

/// A parameter that has a default.
[[nodiscard]] inline double given(const Task& task, const std::string& name) {
  return task.parameters.at(name);
}

/// A parameter whose default is the model's.
[[nodiscard]] inline double given(const Task& task, const std::string& name, double fallback) {
  const auto found = task.parameters.find(name);
  return found == task.parameters.end() ? fallback : found->second;
}

/// The same for every layer.
[[nodiscard]] inline Settings in_every_layer(const Task& task, const network::LayerStd& std) {
  Settings out;
  out.std.assign(task.stack.layers(), std);
  return out;
}

/// Every residual branch with the same two scales.
inline void scale_residuals(const Task& task, double skip, double branch, Settings& out) {
  out.skip.assign(task.stack.branches(), skip);
  out.branch.assign(task.stack.branches(), branch);
}

/// A standard deviation by fan-in and fan-out of every weight, each matrix taken as a whole.
template <class F>
[[nodiscard]] network::LayerStd by_matrix(const Task& task, F&& std) {
  const double d = width_of(task), z = heads_width(task), f = real(task.stack.ffn_width);
  const double keys = real(task.stack.attention.kv_heads * task.stack.attention.head_width);
  network::LayerStd out;
  out.query = std(d, z);
  out.key = out.value = std(d, keys);
  out.output = std(z, d);
  out.ffn_in = out.ffn_gate = std(d, f);
  out.ffn_out = std(f, d);
  return out;
}

/// Glorot's normal: √(2/(fan_in + fan_out)).
[[nodiscard]] inline network::LayerStd xavier_by_matrix(const Task& task) {
  return by_matrix(task, [](double in, double out) { return std::sqrt(2 / (in + out)); });
}

inline void require_one_stack(const Task& task, const char* scheme) {
  if (!task.other_layers) return;
  throw NotApplicable(std::string(scheme) +
                      " is given for a single stack; for an encoder with a decoder take deepnorm or t5");
}

}  // namespace sigprop::scheme
