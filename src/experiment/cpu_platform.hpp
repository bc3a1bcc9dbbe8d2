// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "experiment/components.hpp"
#include "simulate/cpu_engine.hpp"

namespace sigprop::experiment {

[[nodiscard]] inline simulate::Draw draw_of(const Subject& subject, std::size_t replicate) {
  return {subject.seed, static_cast<std::uint32_t>(replicate)};
}

/// One replicate after the other, on the calling thread.
class CpuPlatform {
 public:
  explicit CpuPlatform(const Subject& subject) : subject_(subject) {}

  [[nodiscard]] std::size_t tokens() const { return subject_.size("sequence_length"); }

  /// False where it was stopped.
  template <class F>
  [[nodiscard]] bool over_replicates(const F& f) {
    const simulate::Tokens one_sequence{1, static_cast<std::ptrdiff_t>(tokens())};
    for (std::size_t replicate = 0; replicate < subject_.replicates; ++replicate) {
      if (subject_.stopped()) return false;
      const simulate::Draw draw = draw_of(subject_, replicate);
      simulate::CpuEngine<float> engine(draw, simulate::Team{1}, one_sequence, norm_epsilon, score_numbers);
      f(engine);
    }
    return true;
  }

  [[nodiscard]] simulate::Matrix<float> shared_weight(std::uint32_t tensor, std::size_t out, std::size_t in,
                                                      double std) const {
    return draw_of(subject_, 0)
        .normal_matrix<float>(simulate::Team{1}, tensor, static_cast<Eigen::Index>(out), static_cast<Eigen::Index>(in),
                              std);
  }

  static void add(Statistics& statistics, const simulate::Matrix<float>& x) {
    statistics.add(x.data(), static_cast<std::size_t>(x.cols()));
  }

 private:
  const Subject& subject_;
};

/// Components of one feature, whose replicates stand side by side, and rows of scores.
[[nodiscard]] std::optional<Measured> activation_on_cpu(const Subject& subject);
[[nodiscard]] std::optional<Measured> softmax_on_cpu(const Subject& subject);

}  // namespace sigprop::experiment
