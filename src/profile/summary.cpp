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

using Points = std::vector<const Point*>;

/// The last point of each layer. The input is left out: no layer made it, and an embedding of small
/// variance would hide the law of the rest.
Points ends_of_layers(const Profile& profile) {
  Points out;
  for (std::size_t i = 0; i < profile.points.size(); ++i) {
    const bool last = i + 1 == profile.points.size() || profile.points[i + 1].layer != profile.points[i].layer;
    if (last && profile.points[i].layer > 0) out.push_back(&profile.points[i]);
  }
  return out;
}

Points all_points(const Profile& profile) {
  Points out;
  for (const Point& point : profile.points) out.push_back(&point);
  return out;
}

/// log10 of a quantity at the end of each layer.
std::vector<double> by_layer(const Profile& profile, const std::function<double(const Point&)>& log10_of) {
  std::vector<double> values;
  for (const Point* point : ends_of_layers(profile)) values.push_back(log10_of(*point));
  return values;
}

Ratios ratios_of(double log10_input, const std::vector<double>& log10_values) {
  Ratios out;
  if (!log10_values.empty() && std::isfinite(log10_input) && std::isfinite(log10_values.front()))
    out.log10_first_over_input = log10_values.front() - log10_input;
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
void judge(std::vector<Verdict>& verdicts, const Points& points, const char* name, double threshold, bool above,
           const std::function<Quantity(const Point&)>& measure) {
  for (const Point* point : points) {
    const Quantity value = measure(*point);
    const bool passed = above ? value.log10 > std::log10(threshold) : value.log10 < std::log10(threshold);
    if (passed) {
      verdicts.push_back({name, point->path, value, threshold});
      return;
    }
  }
}

/// The weights of a layer that a first step leaves alone, or nearly so.
struct Still {
  std::vector<std::string> zero;
  std::vector<std::string> negligible;
  Quantity smallest{std::numeric_limits<double>::infinity()};  ///< fraction of the negligible
};

Still still_weights(const Layer& layer, double threshold) {
  Still out;
  for (const Weight& weight : layer.weights) {
    const std::optional<Quantity> fraction = gradient_fraction(layer, weight);
    if (weight.waits || !fraction || !(fraction->log10 < std::log10(threshold))) continue;
    if (std::isinf(fraction->log10)) {
      out.zero.push_back(weight.name);
    } else {
      out.negligible.push_back(weight.name);
      if (fraction->log10 < out.smallest.log10) out.smallest = *fraction;
    }
  }
  return out;
}

/// "layer 3", where all weights are meant, or "layer 3/ffn_in, ffn_out".
std::string path_of(const Layer& layer, const std::vector<std::string>& weights) {
  if (weights.size() == layer.weights.size()) return layer.path;
  std::string out = layer.path + "/";
  for (const std::string& name : weights) out += (name == weights.front() ? "" : ", ") + name;
  return out;
}

/// Every layer is named whose zeros differ from those of the layer before.
void judge_weights(std::vector<Verdict>& verdicts, const Profile& profile, double threshold) {
  Still before;
  for (const Layer& layer : profile.layers) {
    Still found = still_weights(layer, threshold);
    if (!found.zero.empty() && found.zero != before.zero)
      verdicts.push_back({"zero_gradient", path_of(layer, found.zero), Quantity{}, threshold});
    if (!found.negligible.empty() && found.negligible != before.negligible)
      verdicts.push_back({"negligible_gradient", path_of(layer, found.negligible), found.smallest, threshold});
    before = std::move(found);
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

void set_slopes_of_ratio(const Quantity& a, const Quantity& b, Quantity& ratio) {
  const std::vector<double>*of_a = a.slopes(), *of_b = b.slopes();
  if (of_a == nullptr || of_b == nullptr) return;
  std::vector<double> out = *of_a;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] -= (*of_b)[i];
  ratio.set_slopes(std::move(out));
}

Quantity ratio(const Quantity& a, const Quantity& b) {
  Quantity out(std::pow(10.0, a.log10 - b.log10), a.log10 - b.log10);
  set_slopes_of_ratio(a, b, out);
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
  const Point& input = profile.points.front();
  summary.forward_ratios = ratios_of(input.forward.variance.log10, forward);
  summary.backward_ratios = ratios_of(input.backward.variance.log10, backward);
  auto& verdicts = summary.verdicts;
  const Points ends = ends_of_layers(profile);
  const auto growth = [&](const Point& p) { return ratio(p.forward.variance, ends.front()->forward.variance); };
  const auto of_gradient = [&](const Point& p) {
    return ratio(p.backward.variance, profile.points.back().backward.variance);
  };
  judge(verdicts, ends, "exploding_variance", thresholds.exploding_variance, true, growth);
  judge(verdicts, ends, "exploding_gradient", thresholds.exploding_gradient, true, of_gradient);
  judge(verdicts, ends, "vanishing_gradient", thresholds.vanishing_gradient, false, of_gradient);
  judge_weights(verdicts, profile, thresholds.negligible_gradient);
  if (sequence_length > 1) {
    judge(verdicts, all_points(profile), "rank_collapse", thresholds.rank_collapse, false,
          [](const Point& p) { return p.forward.rank_residual; });
  }
  judge_entropy(verdicts, profile, thresholds.entropy_collapse);
  return summary;
}

}  // namespace sigprop::profile
