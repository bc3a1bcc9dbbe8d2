// SPDX-License-Identifier: Apache-2.0
#include <Eigen/Core>
#include <cmath>
#include <numbers>
#include <unsupported/Eigen/SpecialFunctions>

#include "experiment/cpu_platform.hpp"

namespace sigprop::experiment {
namespace {

using simulate::Matrix;

/// x ← max(x, 0), g ← g ∘ [x > 0].
void relu(Matrix<float>& x, Matrix<float>& g) {
  g.array() *= (x.array() > 0.0F).cast<float>();
  x = x.cwiseMax(0.0F);
}

/// x ← x Φ(x), g ← g ∘ (Φ(x) + x φ(x)), row by row: a row stays in the first cache.
void gelu(Matrix<float>& x, Matrix<float>& g) {
  constexpr float root_half = 1 / std::numbers::sqrt2_v<float>;
  constexpr float peak = root_half * std::numbers::inv_sqrtpi_v<float>;
  Eigen::Array<float, 1, Eigen::Dynamic> cdf(x.cols());
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    auto row = x.row(i).array();
    cdf = (row * root_half).erf() * 0.5F + 0.5F;
    g.row(i).array() *= cdf + row * (row.square() * -0.5F).exp() * peak;
    row *= cdf;
  }
}

}  // namespace

/// One feature: a replicate is a column, and columns of a block are drawn together.
std::optional<Measured> activation_on_cpu(const Subject& subject) {
  const std::size_t tokens = subject.size("sequence_length");
  const simulate::Tokens one_sequence{1, static_cast<std::ptrdiff_t>(tokens)};
  const auto apply = subject.setting.grid->component == Component::relu ? relu : gelu;
  Statistics output(tokens, 1), back(tokens, 1);
  for (std::size_t first = 0; first < subject.replicates; first += columns_at_once) {
    if (subject.stopped()) return std::nullopt;
    const std::size_t columns = std::min(columns_at_once, subject.replicates - first);
    const simulate::Draw draw = draw_of(subject, first / columns_at_once);
    const simulate::CpuEngine<float> engine(draw, simulate::Team{1}, one_sequence, norm_epsilon, 0);
    Matrix<float> x = engine.tokens(input, columns, input_of(subject));
    Matrix<float> g = engine.tokens(gradient, columns, gradient_of(subject));
    apply(x, g);
    CpuPlatform::add(output, x);
    CpuPlatform::add(back, g);
  }
  return moments(output, back);
}

}  // namespace sigprop::experiment
