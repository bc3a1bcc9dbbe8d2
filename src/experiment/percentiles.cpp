// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "sigprop/experiment/experiment.hpp"

namespace sigprop::experiment {
namespace {

double of(const Measured& moments, Quantity quantity) {
  return moments[static_cast<std::size_t>(quantity)];
}

/// The variance that an error may be taken relative to; none for errors that are relative to the
/// measured value only.
std::optional<double> scale_of(Component component, Quantity quantity, const Measured& predicted) {
  if (component == Component::softmax) return std::nullopt;
  switch (quantity) {
    case Quantity::mean:
    case Quantity::covariance:
    case Quantity::feature_covariance:
      return of(predicted, Quantity::variance);
    case Quantity::gradient_covariance:
      if (component == Component::attention) return std::nullopt;
      return of(predicted, Quantity::gradient_variance);
    case Quantity::variance:
    case Quantity::gradient_variance:
      break;
  }
  return std::nullopt;
}

}  // namespace

double error(Component component, Quantity quantity, const Measured& measured, const Measured& predicted) {
  const double value = of(measured, quantity), prediction = of(predicted, quantity);
  const double difference = std::abs(value - prediction);
  const std::optional<double> scale = scale_of(component, quantity, predicted);
  if (!scale) return difference / std::abs(value);
  if (prediction == 0) return std::min(std::abs(value), std::abs(value) / *scale);
  return std::min(difference / std::abs(value), difference / *scale);
}

Percentiles percentiles(std::vector<double> errors) {
  if (errors.empty()) throw std::invalid_argument("percentiles of no errors");
  constexpr std::array<std::size_t, 3> percents{50, 90, 99};
  constexpr double percent = 100;
  std::sort(errors.begin(), errors.end());
  Percentiles out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = percent * errors[errors.size() * percents[i] / 100];
  return out;
}

}  // namespace sigprop::experiment
