// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "predict/walk_in_jets.hpp"
#include "predict/warnings.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {
namespace {

using network::Knob;
using network::Network;
using Reading = std::function<profile::Quantity(const profile::Profile&)>;
using Told = std::function<void(std::size_t, std::size_t)>;
using Seeds = Numbers<scalar::Jet<jet_directions>>;

/// A step of a knob: by a common factor, or from 0.
double move_of(const Knob& knob, double x) {
  return knob.is_zero() ? 1 : x;
}

void seed(const Knob& knob, std::size_t direction, const Network& network, const network::Outline& outline,
          Seeds& seeds) {
  for (const double* x : knob.numbers) seeds.moves[x].push_back({direction, move_of(knob, *x)});
  for (const std::size_t* n : knob.sizes) seeds.moves[n].push_back({direction, move_of(knob, static_cast<double>(*n))});
  // The width of a stack is that of its points.
  if (std::find(knob.sizes.begin(), knob.sizes.end(), &network.width) == knob.sizes.end()) return;
  for (const network::Outline::Point& point : outline.points)
    seeds.moves[&point.width].push_back({direction, static_cast<double>(point.width)});
}

void require_logarithm(const profile::Quantity& value) {
  if (!value.representable())
    throw std::range_error(
        "leaves the range of a double, in which slopes are computed: ask for one at an earlier layer, or add norms");
  if (std::isinf(value.log10)) throw std::range_error("is 0 and has no logarithm: ask for another");
}

Slopes by_jets(const Network& network, Theory theory, const std::vector<Knob>& knobs, const Reading& reading,
               const Told& progress) {
  const network::Outline outline = network::outline_of(network);
  const auto tables = std::make_shared<SoftmaxTables<Few>>();
  Slopes out;
  for (std::size_t first = 0; first == 0 || first < knobs.size(); first += jet_directions) {
    const std::size_t last = std::min(first + jet_directions, knobs.size());
    Seeds seeds;
    for (std::size_t i = first; i < last; ++i) seed(knobs[i], i - first, network, outline, seeds);
    profile::Profile moved = walk_in_jets(network, outline, theory, tables, seeds);
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

/// Sets a knob's numbers to what they were, moved by a step.
class Moved {
 public:
  explicit Moved(const Knob& knob) : knob_(knob), zero_(knob.is_zero()) {
    for (const double* x : knob.numbers) before_.push_back(*x);
  }
  Moved(const Moved&) = delete;
  Moved& operator=(const Moved&) = delete;
  ~Moved() { by(0); }

  void by(double step) {
    for (std::size_t i = 0; i < before_.size(); ++i) *knob_.numbers[i] = zero_ ? step : before_[i] * std::exp(step);
  }

 private:
  const Knob& knob_;
  bool zero_;
  std::vector<double> before_;
};

Slopes by_differences(const Network& network, Theory theory, const Options& options, const std::vector<Knob>& knobs,
                      const Reading& reading, const Told& progress) {
  constexpr double step = 1e-4;  // what is left out is of order step²
  Predictor predictor;
  const auto read = [&] { return reading(predictor(network, theory, options)); };
  Slopes out;
  out.by_differences = true;
  const profile::Profile unmoved = predictor(network, theory, options);
  out.warnings = unmoved.warnings;
  out.value = reading(unmoved);
  require_logarithm(out.value);
  const double log_value = out.value.log10;
  for (const Knob& knob : knobs) {
    double slope = std::numeric_limits<double>::quiet_NaN();
    const bool counts_tokens = !knob.numbers.empty() && knob.numbers.front() == &network.sequence_length;
    if (knob.sizes.empty() && !counts_tokens) {
      Moved moved(knob);
      moved.by(step);
      const double above = read().log10;
      if (knob.is_zero()) {  // probabilities and deviations end there
        slope = (above - log_value) / step;
      } else {
        moved.by(-step);
        slope = (above - read().log10) / (2 * step);
      }
      slope *= std::log(10.0);
    }
    out.by_knob.push_back(slope);
    if (progress) progress(out.by_knob.size(), knobs.size());
  }
  return out;
}

}  // namespace

Slopes slopes(const Network& network, Theory theory, const Options& options, const std::vector<Knob>& knobs,
              const Reading& reading, const Told& progress) {
  if (theory == Theory::full && network::has_mask(network))
    return by_differences(network, theory, options, knobs, reading, progress);
  return by_jets(network, theory, knobs, reading, progress);
}

}  // namespace sigprop::predict
