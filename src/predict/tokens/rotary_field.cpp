// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/rotary_field.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "sigprop/formula/rotary.hpp"

namespace sigprop::predict {

using Eigen::Index;
using Eigen::MatrixXd;

RotaryField::RotaryField(Index length, double head_width, double rotated, double base)
    : length_(length),
      factor_(Eigen::VectorXd::Constant(2 * length + 1, 1 - rotated / head_width)),
      twice_summed_(4 * length + 2) {
  const auto frequencies = static_cast<std::size_t>(rotated / 2);
  for (std::size_t f = 0; f < frequencies; ++f) {
    const double angle = formula::rotary_angle(base, rotated, f);
    for (Index apart = 0; apart < factor_.size(); ++apart)
      factor_[apart] += 2 / head_width * std::cos(static_cast<double>(apart) * angle);
  }
  double once = 0, twice = 0;
  for (Index n = 0; n < twice_summed_.size(); ++n) {
    const Index place = n - 2 * length_ - 1;
    if (place >= -2 * length_) once += factor_[std::abs(place)];
    twice_summed_[n] = twice += once;
  }
}

double RotaryField::sum(const Range& a, const Range& b) const {
  const auto up_to = [&](Index last) { return twice_summed(last - b.first - 1) - twice_summed(last - b.last - 1); };
  return up_to(a.last) - up_to(a.first);
}

double RotaryField::mean(Index keys, Index apart) const {
  if (keys < 2) return 1;
  const double count = static_cast<double>(keys);
  const double all = sum({0, keys}, {apart, keys + apart});
  return (all - count * at(apart)) / (count * (count - 1));
}

RotatedPairs::RotatedPairs(const RotaryField& field, const TokenGroups& groups) {
  const auto range = [&](Index g, Index moved) {
    const auto first = static_cast<Index>(groups.before(g)) - moved;
    return RotaryField::Range{first, first + static_cast<Index>(groups.size(g))};
  };
  const Index last = std::max<Index>(field.length() - 1, 1);
  const auto next = [](Index apart) { return apart < 32 ? (3 * apart + 4) / 2 - 1 : 2 * apart + 1; };
  for (Index apart = 0;; apart = std::min(next(apart), last)) {
    MatrixXd kept(groups.count(), groups.columns());
    for (Index h = 0; h < groups.count(); ++h) {
      for (Index g = 0; g < groups.count(); ++g)
        kept(g, h) = field.sum(range(g, apart), range(h, 0)) / (groups.size(g) * groups.size(h));
    }
    for (Index g = 0; g < groups.count(); ++g) {
      const double size = groups.size(g), own = field.at(apart), mean = kept(g, g);
      kept(g, g) = own;
      if (groups.columns() > groups.count())
        kept(g, groups.count()) = size > 1 ? (size * mean - own) / (size - 1) : own;
    }
    apart_.push_back(std::log1p(static_cast<double>(apart)));
    kept_.push_back(std::move(kept));
    if (apart == last) return;
  }
}

}  // namespace sigprop::predict
