// SPDX-License-Identifier: Apache-2.0
#include "profile/depth_law.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sigprop::profile {
namespace {

struct Line {
  double offset = 0;
  double slope = 0;
};

/// Weighted least squares of y = offset + slope x.
Line fit_line(const std::vector<double>& x, const std::vector<double>& y, const std::vector<double>& weights) {
  double sw = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double w = weights[i];
    sw += w;
    sx += w * x[i];
    sy += w * y[i];
    sxx += w * x[i] * x[i];
    sxy += w * x[i] * y[i];
  }
  const double slope = (sw * sxy - sx * sy) / (sw * sxx - sx * sx);
  return {(sy - slope * sx) / sw, slope};
}

struct Fit {
  Line line;
  double deviation = std::numeric_limits<double>::infinity();  ///< root mean square of ln(fitted/y)
};

/// log10 y as a line in x.
Fit fit_logarithm(const std::vector<double>& x, const std::vector<double>& log10_y) {
  Fit fit{fit_line(x, log10_y, std::vector<double>(x.size(), 1.0)), 0};
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double miss = std::log(10.0) * (fit.line.offset + fit.line.slope * x[i] - log10_y[i]);
    fit.deviation += miss * miss;
  }
  fit.deviation = std::sqrt(fit.deviation / static_cast<double>(x.size()));
  return fit;
}

/// y itself as a line in x, relative errors weighing alike. No fit where it spans more than a line
/// can, or would not be positive.
Fit fit_value(const std::vector<double>& x, const std::vector<double>& log10_y, double low, double high) {
  constexpr double widest = 100;  // decades: further apart, relative weights overflow
  if (high - low > widest) return {};
  std::vector<double> y, weights;
  for (const double value : log10_y) {
    y.push_back(std::pow(10.0, value - low));
    weights.push_back(1 / (y.back() * y.back()));
  }
  Fit fit{fit_line(x, y, weights), 0};
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double fitted = fit.line.offset + fit.line.slope * x[i];
    if (!(fitted > 0)) return {};
    const double miss = std::log(fitted / y[i]);
    fit.deviation += miss * miss;
  }
  fit.deviation = std::sqrt(fit.deviation / static_cast<double>(x.size()));
  fit.line.slope /= y.front();
  return fit;
}

}  // namespace

DepthLaw fit_depth_law(const std::vector<double>& log10_values) {
  constexpr std::size_t fewest = 4;
  if (log10_values.size() < fewest) return {"none", 0};
  if (!std::all_of(log10_values.begin(), log10_values.end(), [](double value) { return std::isfinite(value); }))
    return {"none", 0};
  const auto [low, high] = std::minmax_element(log10_values.begin(), log10_values.end());
  constexpr double flat = 1.2;
  if (*high - *low <= std::log10(flat)) return {"constant", 0};

  std::vector<double> depth, log10_depth;
  for (std::size_t i = 1; i <= log10_values.size(); ++i) {
    depth.push_back(static_cast<double>(i));
    log10_depth.push_back(std::log10(depth.back()));
  }
  const Fit exponential = fit_logarithm(depth, log10_values);
  const Fit power = fit_logarithm(log10_depth, log10_values);
  const Fit linear = fit_value(depth, log10_values, *low, *high);
  // A curve that leaves its best law by more than a tenth of its range, as Post-LN's drop in the
  // last layers does, has none of these.
  constexpr double tolerated = 0.1;
  const double best = std::min({linear.deviation, exponential.deviation, power.deviation});
  if (best > tolerated * std::log(10.0) * (*high - *low)) return {"irregular", 0};
  if (linear.deviation <= std::min(exponential.deviation, power.deviation)) return {"linear", linear.line.slope};
  if (exponential.deviation <= power.deviation) return {"exponential", exponential.line.slope};
  return {power.line.slope < 0 ? "hyperbolic" : "power", power.line.slope};
}

}  // namespace sigprop::profile
