// SPDX-License-Identifier: Apache-2.0
#include "experiment/cpu_platform.hpp"

namespace sigprop::experiment {
namespace {

using Scores = Eigen::Array<float, 1, Eigen::Dynamic>;

void draw_scores(const simulate::Draw& draw, const ScoreScales& scales, Scores& x) {
  draw.normals(input, 0, x.size(), x.data());
  float shared = 0;
  draw.normals(input, static_cast<std::uint64_t>(x.size()), 1, &shared);
  x = scales.own * x + scales.common * shared;
}

/// Σ and Σ² of what has been added, in float64.
struct Sums {
  double sum = 0;
  double squares = 0;
  double count = 0;

  void add(const Scores& x) {
    sum += static_cast<double>(x.sum());
    squares += static_cast<double>(x.square().sum());
    count += static_cast<double>(x.size());
  }
  [[nodiscard]] double mean() const { return sum / count; }
  [[nodiscard]] double variance() const { return squares / count - mean() * mean(); }
};

}  // namespace

std::optional<Measured> softmax_on_cpu(const Subject& subject) {
  const auto length = static_cast<Eigen::Index>(subject.size("sequence_length"));
  const ScoreScales scales = score_scales(subject);
  const auto keys = static_cast<float>(length);
  Scores a(length), g(length);
  Sums output, back;
  for (std::size_t row = 0; row < subject.replicates; ++row) {
    if (subject.stopped()) return std::nullopt;
    const simulate::Draw draw = draw_of(subject, row);
    draw_scores(draw, scales, a);
    draw.normals(gradient, 0, length, g.data());
    a = (a - a.maxCoeff()).exp();
    a *= keys / a.sum();
    g *= scales.gradient;
    back.add(a * (g - (a * g).sum() / keys));
    output.add(a - 1.0F);
  }
  return moments(RowMoments{output.mean(), output.variance(), back.variance()}, static_cast<double>(length));
}

}  // namespace sigprop::experiment
