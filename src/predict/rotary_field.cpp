// SPDX-License-Identifier: Apache-2.0
#include "predict/rotary_field.hpp"

#include <cmath>

#include "sigprop/formula/rotary.hpp"

namespace sigprop::predict {

using Eigen::Index;

RotaryField::RotaryField(Index length, double head_width, double turned, double base)
    : length_(length), factor_(Eigen::VectorXd::Constant(2 * length, 1 - turned / head_width)), sums_(2 * length) {
  const auto frequencies = static_cast<std::size_t>(turned / 2);
  for (std::size_t f = 0; f < frequencies; ++f) {
    const double angle = formula::rotary_angle(base, turned, f);
    for (Index apart = 0; apart < factor_.size(); ++apart)
      factor_[apart] += 2 / head_width * std::cos(static_cast<double>(apart) * angle);
  }
  double sum = 0;
  for (Index apart = 0; apart < factor_.size(); ++apart) sums_[apart] = sum += factor_[apart];
}

double RotaryField::sum_to(Index n) const {
  return n >= 0 ? sums_[n] : factor_[0] - sums_[-n - 1];
}

RotaryField::Prefix::Prefix(const RotaryField& field)
    : field_(field), sums_(Eigen::VectorXd::Zero(field.length())) {}

void RotaryField::Prefix::grow() {
  const Index reach = keys_++;
  for (Index apart = 0; apart < sums_.size(); ++apart) {
    const double all = field_.sum_to(reach - apart) - field_.sum_to(-reach - apart - 1);
    sums_[apart] += all - field_.at(apart);
  }
}

double RotaryField::Prefix::mean(Index apart) const {
  if (keys_ < 2) return 1;
  const double keys = static_cast<double>(keys_);
  return sums_[apart] / (keys * (keys - 1));
}

}  // namespace sigprop::predict
