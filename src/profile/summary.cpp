// SPDX-License-Identifier: Apache-2.0
#include "sigprop/profile/summary.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "profile/depth_law.hpp"
#include "sigprop/profile/weights.hpp"

namespace sigprop::profile {
namespace {

/// log10 of a quantity after each layer's last point. The input is left out: no layer made it, and
/// an embedding of small variance would hide the law of the rest.
std::vector<double> by_layer(const Profile& profile, const std::function<double(const Point&)>& log10_of) {
  std::vector<double> values;
  for (std::size_t i = 0; i < profile.points.size(); ++i) {
    const bool last = i + 1 == profile.points.size() || profile.points[i + 1].layer != profile.points[i].layer;
    if (last && profile.points[i].layer > 0) values.push_back(log10_of(profile.points[i]));
  }
  return values;
}

Ratios ratios_of(const std::vector<double>& log10_values) {
  Ratios out;
  if (log10_values.size() < 2) return out;
  if (!std::all_of(log10_values.begin(), log10_values.end(), [](double x) { return std::isfinite(x); })) return out;
  out.log10_last_over_first = log10_values.back() - log10_values.front();
  double largest = -std::numeric_limits<double>::infinity(), smallest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < log10_values.size(); ++i) {
    const double step = log10_values[i] - log10_values[i - 1];
    largest = std::fmax(largest, step);
    smallest = std::fmin(smallest, step);
  }
  out.largest_step = std::pow(10.0, largest);
  out.smallest_step = std::pow(10.0, smallest);
  return out;
}

/// 0 for values that are all equal, infinite ones too.
double range_of(const std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return *high > *low ? *high - *low : 0;
}

/// First point, forward, whose measured value passes the threshold.
void judge(std::vector<Verdict>& verdicts, const Profile& profile, const char* name, double threshold, bool above,
           const std::function<Quantity(const Point&)>& measure) {
  for (const Point& point : profile.points) {
    const Quantity value = measure(point);
    const bool passed = above ? value.log10 > std::log10(threshold) : value.log10 < std::log10(threshold);
    if (passed) {
      verdicts.push_back({name, point.path, value, threshold});
      return;
    }
  }
}

void judge_entropy(std::vector<Verdict>& verdicts, const Profile& profile, double threshold) {
  for (const Layer& layer : profile.layers) {
    for (const auto& [metrics, name] :
         {std::pair(&layer.attention, "/attention"), std::pair(&layer.cross_attention, "/cross_attention")}) {
      if (!*metrics || !(*metrics)->entropy_fraction || !((*metrics)->entropy_fraction->value < threshold)) continue;
      const std::string path = "layer " + std::to_string(layer.index) + name;
      verdicts.push_back({"entropy_collapse", path, *(*metrics)->entropy_fraction, threshold});
      return;
    }
  }
}

}  // namespace

std::vector<double> slopes_of_ratio(const Quantity& a, const Quantity& b) {
  std::vector<double> out;
  for (std::size_t i = 0; i < std::min(a.slopes.size(), b.slopes.size()); ++i) out.push_back(a.slopes[i] - b.slopes[i]);
  return out;
}

Quantity ratio(const Quantity& a, const Quantity& b) {
  Quantity out(std::pow(10.0, a.log10 - b.log10), a.log10 - b.log10);
  out.slopes = slopes_of_ratio(a, b);
  return out;
}

double log10_spread(const Profile& profile) {
  std::vector<double> norms;
  for (const Layer& layer : profile.layers) {
    const std::optional<Quantity> norm = gradient_norm_of_all(layer);
    if (norm) norms.push_back(2 * norm->log10);
  }
  const auto variances = by_layer(profile, [](const Point& p) { return p.forward.variance.log10; });
  return std::max(range_of(variances), range_of(norms));
}

Summary summarize(const Profile& profile, const Thresholds& thresholds, double sequence_length) {
  Summary summary;
  const auto forward = by_layer(profile, [](const Point& p) { return p.forward.variance.log10; });
  const auto backward = by_layer(profile, [](const Point& p) { return p.backward.variance.log10; });
  const DepthLaw forward_law = fit_depth_law(forward);
  const DepthLaw backward_law = fit_depth_law(backward);
  summary.forward_law = forward_law.name;
  summary.forward_rate = forward_law.rate;
  summary.backward_law = backward_law.name;
  summary.backward_rate = backward_law.rate;
  summary.forward_ratios = ratios_of(forward);
  summary.backward_ratios = ratios_of(backward);
  const Quantity& input = profile.points.front().forward.variance;
  const Quantity& output = profile.points.back().backward.variance;
  auto& verdicts = summary.verdicts;
  judge(verdicts, profile, "exploding_variance", thresholds.exploding_variance, true,
        [&](const Point& p) { return ratio(p.forward.variance, input); });
  judge(verdicts, profile, "exploding_gradient", thresholds.exploding_gradient, true,
        [&](const Point& p) { return ratio(p.backward.variance, output); });
  judge(verdicts, profile, "vanishing_gradient", thresholds.vanishing_gradient, false,
        [&](const Point& p) { return ratio(p.backward.variance, output); });
  if (sequence_length > 1) {
    judge(verdicts, profile, "rank_collapse", thresholds.rank_collapse, false,
          [](const Point& p) { return p.forward.rank_residual; });
  }
  judge_entropy(verdicts, profile, thresholds.entropy_collapse);
  return summary;
}

}  // namespace sigprop::profile
