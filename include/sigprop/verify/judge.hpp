// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sigprop/profile/deviations.hpp"
#include "sigprop/verify/verify.hpp"

/// One network, or a few, judged with the predicted spread between networks.
namespace sigprop::verify {

struct JudgeOptions {
  std::size_t networks = 1;  ///< whose mean was measured
  double level = 1e-3;       ///< chance that any verdict on a right network is wrong
};

/// A measured quantity beside its prediction.
struct Judged {
  profile::Spot spot;
  std::string path;
  std::size_t layer = 0;  ///< 0 for the input
  double predicted = 0;
  double measured = 0;
  double spread = 0;       ///< of the mean over the networks, of the logarithm or of a correlation itself
  double model_error = 0;  ///< beside it
  double z = 0;            ///< over both; infinite for what has no logarithm
  bool off = false;

  /// Is the logarithm judged, or the quantity itself?
  [[nodiscard]] bool of_logarithm() const;
  /// From where to where a measurement is not off.
  [[nodiscard]] std::pair<double, double> range(double critical_z) const;
};

/// All quantities whose logarithms are nearly normal, together.
struct Together {
  double chi_square = 0;  ///< of the largest principal parts of their deviations
  std::size_t parts = 0;
  double limit = 0;
  bool off = false;
};

/// A fault, and how likely one network shows it.
struct Power {
  std::string fault;  ///< "init.std.value 10 % too large"
  double chance = 0;
};

struct Judgement {
  std::vector<Judged> quantities;  ///< in the order of a profile
  double critical_z = 0;
  std::optional<Together> together;  ///< none without deviation rows
  std::size_t networks = 1;
  std::vector<Power> powers;  ///< of the faults that were asked for
  std::string sentence;       ///< the first place that is off, or that none is

  [[nodiscard]] std::size_t off() const;
  [[nodiscard]] bool agrees() const { return off() == 0 && !(together && together->off); }
};

/// Every quantity of points and layers that a profile holds.
[[nodiscard]] std::vector<profile::Measurement> measurements_of(const profile::Profile& profile);

/// Judges what was measured of a network. predicted: with its spread (predict::Spread). rows:
/// of the same prediction, or empty where they cannot be had. A measurement of a quantity without a
/// spread is left out.
[[nodiscard]] Judgement judge(const profile::Profile& predicted, const std::vector<profile::Measurement>& measured,
                              const std::vector<profile::DeviationRow>& rows, const Model& model,
                              const JudgeOptions& options);

/// How likely one network of a faulty model is called off, by the quantity that shows it best.
/// faulty: its prediction.
[[nodiscard]] double chance_to_see(const Judgement& judgement, const profile::Profile& faulty);

}  // namespace sigprop::verify
