// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>

#include "predict/slopes/walk_in_jets.hpp"
#include "predict/walk/walk_in.hpp"
#include "predict/walk/warnings.hpp"
#include "sigprop/network/knobs.hpp"
#include "sigprop/network/lifted.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {
namespace {

using network::Knob;
using network::Network;
using Reading = std::function<profile::Quantity(const profile::Profile&)>;
using Progress = std::function<void(std::size_t, std::size_t)>;

void require_logarithm(const profile::Quantity& value) {
  if (!value.representable())
    throw std::range_error(
        "leaves the range of a double, in which slopes are computed: ask for one at an earlier layer, or add norms");
  if (std::isinf(value.log10)) throw std::range_error("is 0 and has no logarithm: ask for another");
}

Slopes by_jets(const Network& network, Theory theory, const std::vector<Knob>& knobs, const Reading& reading,
               const Progress& progress) {
  const network::Outline outline = network::outline_of(network);
  // Large scores take seconds to tabulate, and a search asks for the slopes of many models alike.
  thread_local const auto tables = std::make_shared<SoftmaxTables<ArgumentJet>>();
  Slopes out;
  for (std::size_t first = 0; first == 0 || first < knobs.size(); first += jet_directions) {
    const std::size_t last = std::min(first + jet_directions, knobs.size());
    network::Lifted<SlopeJet> varied = network::lifted<SlopeJet>(network);
    for (std::size_t i = first; i < last; ++i) {
      // By a common factor, or from 0.
      network::change_knob(varied, knobs[i].name, [&](SlopeJet x) {
        x.slopes[i - first] += knobs[i].is_zero() ? 1 : x.value;
        return x;
      });
    }
    profile::Profile moved = walk_in_jets(varied, outline, theory, tables);
    moved.theory = name_of(theory);
    out.value = reading(moved);
    out.warnings = warnings_of(network, theory, moved);
    require_logarithm(out.value);
    if (out.value.slopes.empty()) throw std::logic_error("a reading without slopes");
    out.by_knob.insert(out.by_knob.end(), out.value.slopes.begin(),
                       out.value.slopes.begin() + static_cast<std::ptrdiff_t>(last - first));
    if (progress) progress(last, knobs.size());
  }
  out.value.slopes.clear();
  return out;
}

/// Predictions behind a causal mask of a network and of those beside it.
class Differences {
 public:
  Differences(const Network& network, const Options& options, const Reading& reading)
      : network_(network), prefix_(options.prefix), reading_(reading) {}

  [[nodiscard]] Slopes run(const std::vector<Knob>& knobs, const Progress& progress) {
    Slopes out;
    out.by_differences = true;
    const profile::Profile unmoved = walk_masked(network::lifted<double>(network_), outline_, prefix_, {}, rows_);
    out.warnings = warnings_of(network_, Theory::full, unmoved);
    out.value = reading_(unmoved);
    require_logarithm(out.value);
    log_value_ = log_of(unmoved);
    for (const Knob& knob : knobs) {
      out.by_knob.push_back(knob.name == "sequence_length" ? by_length() : by(knob));
      if (progress) progress(out.by_knob.size(), knobs.size());
    }
    return out;
  }

 private:
  [[nodiscard]] double log_of(const profile::Profile& profile) const {
    return std::log(10.0) * reading_(profile).log10;
  }

  [[nodiscard]] double log_at(const Knob& knob, double step) const {
    network::Lifted<double> moved = network::lifted<double>(network_);
    network::change_knob(moved, knob.name, [&](double x) { return knob.is_zero() ? step : x * std::exp(step); });
    return log_of(walk_masked(moved, outline_, prefix_, {}, rows_));
  }

  [[nodiscard]] double by(const Knob& knob) const {
    constexpr double longest = 1e-3,
                     part = 16;  // what is left out is of order step², and predictions are rough by some 1e-9
    // Probabilities and deviations end at 0, probabilities and correlations at 1; sizes begin
    // there.
    if (knob.is_zero()) return to_one_side(knob, longest);
    const double room = 1 - knob.highest;
    if (room == 0) return to_one_side(knob, knob.whole ? longest : -longest);
    const double step = room > 0 ? std::min(longest, room / part) : longest;
    return (log_at(knob, step) - log_at(knob, -step)) / (2 * step);
  }

  /// Of fourth order.
  [[nodiscard]] double to_one_side(const Knob& knob, double step) const {
    const auto moved = [&](int steps) { return log_at(knob, steps * step); };
    return (48 * moved(1) - 36 * moved(2) + 16 * moved(3) - 3 * moved(4) - 25 * log_value_) / (12 * step);
  }

  [[nodiscard]] double log_of_length(double length, const std::shared_ptr<RowTables>& rows) const {
    Network other = network_;
    other.sequence_length = static_cast<std::size_t>(length);
    return log_of(walk_masked(network::lifted<double>(other), network::outline_of(other), prefix_, {}, rows));
  }

  /// No sequence has half a token. Both lengths share a table, whose error they then have in
  /// common.
  [[nodiscard]] double by_length() const {
    constexpr double part = 64;
    const double length = network_.length(), step = std::max(1.0, std::round(length / part));
    const double longer = length + step, shorter = std::max(1.0, length - step);
    const auto rows = std::make_shared<RowTables>(longer);
    return (log_of_length(longer, rows) - log_of_length(shorter, rows)) / std::log(longer / shorter);
  }

  const Network& network_;
  network::Outline outline_ = network::outline_of(network_);
  Prefix prefix_;
  const Reading& reading_;
  std::shared_ptr<RowTables> rows_ = std::make_shared<RowTables>();
  double log_value_ = 0;
};

}  // namespace

Slopes slopes(const Network& network, Theory theory, const Options& options, const std::vector<Knob>& knobs,
              const Reading& reading, const Progress& progress) {
  if (theory == Theory::full && network::has_mask(network))
    return Differences(network, options, reading).run(knobs, progress);
  return by_jets(network, theory, knobs, reading, progress);
}

}  // namespace sigprop::predict
