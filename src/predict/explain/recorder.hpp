// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "predict/walk/profile_writer.hpp"

namespace sigprop::predict {

/// Keeps the signal and the gradient at every point of a walk in double, and the profile's numbers.
class Recorder : public Observer {
 public:
  using Algebra = AlikeAlgebra<double>;
  using Signal = Algebra::Signal;
  using Gradient = Algebra::Gradient;

  Recorder(const network::Outline& outline, const Algebra& algebra, profile::Profile& profile)
      : signals(outline.points.size()), gradients(outline.points.size()), writer_(outline, algebra, profile) {}

  void at_point(std::size_t point, const Signal& x) {
    signals[point] = x;
    writer_.at_point(point, x);
  }
  void at_point(std::size_t point, const Gradient& g, double width) {
    gradients[point] = g;
    writer_.at_point(point, g, width);
  }
  [[nodiscard]] std::string point_name(std::size_t point) const { return writer_.point_name(point); }
  void at_attention(std::size_t weight, bool cross, const profile::AttentionMetrics& metrics) {
    writer_.at_attention(weight, cross, metrics);
  }

  std::vector<Signal> signals;      ///< by the outline's points
  std::vector<Gradient> gradients;  ///< likewise

 private:
  ProfileWriter<Algebra> writer_;
};

/// A recorded walk, and the encoder's output that its decoder read.
struct Recorded {
  Recorder::Signal source;
  std::vector<Recorder::Signal> signals;
  std::vector<Recorder::Gradient> gradients;
  Recorder::Signal memory;
};

}  // namespace sigprop::predict
