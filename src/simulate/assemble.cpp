// SPDX-License-Identifier: Apache-2.0
#include "simulate/assemble.hpp"

#include <cmath>
#include <initializer_list>

#include "sigprop/profile/summary.hpp"

namespace sigprop::simulate {
namespace {

using profile::Quantity;

/// How a quantity changes with number `number` of its group.
struct Slope {
  std::size_t number;
  double derivative;
};

/// A value computed from the means of one group, with the scatter that those means give it: Var f =
/// Σ f_a f_b Cov_ab.
Quantity estimate(const Accumulator& measured, std::size_t begin, double value, std::initializer_list<Slope> slopes) {
  double variance = 0;
  for (const Slope& a : slopes) {
    for (const Slope& b : slopes)
      variance += a.derivative * b.derivative * measured.covariance(begin, a.number, b.number);
  }
  const double deviation = std::sqrt(variance < 0 ? 0 : variance);  // keeps NaN
  return {value, {deviation / std::sqrt(static_cast<double>(measured.count())), deviation}};
}

Quantity mean_of(const Accumulator& measured, std::size_t begin, std::size_t number) {
  return estimate(measured, begin, measured.mean(begin + number), {{number, 1}});
}

Quantity root_of(const Accumulator& measured, std::size_t begin, std::size_t number, double factor) {
  const double value = std::sqrt(factor * measured.mean(begin + number));
  return estimate(measured, begin, value, {{number, value > 0 ? factor / (2 * value) : 0}});
}

std::optional<Quantity> cross_of(const Accumulator& measured, const SignalSlots& slots) {
  if (slots.cross == 0) return std::nullopt;
  return mean_of(measured, slots.begin, slots.cross);
}

profile::Rare<profile::Ends> ends_of(const Accumulator& measured, const SignalSlots& slots) {
  if (slots.ends == 0) return {};
  return profile::Ends{mean_of(measured, slots.begin, slots.ends), mean_of(measured, slots.begin, slots.ends + 1)};
}

/// Of so many groups of one number each from a place on; none where that is 0.
std::vector<Quantity> means_from(const Accumulator& measured, std::size_t begin, std::size_t count) {
  std::vector<Quantity> out;
  for (std::size_t i = 0; begin != 0 && i < count; ++i) out.push_back(mean_of(measured, begin + i, 0));
  return out;
}

/// Of numbers 0, 1, 2: mean m, second moment q, token dot product c. m² is freed of the part that
/// the scatter of m adds to it.
profile::Forward forward_of(const Accumulator& measured, const SignalSlots& slots, double length) {
  const std::size_t at = slots.begin;
  const double m = measured.mean(at), q = measured.mean(at + 1), c = measured.mean(at + 2);
  const double count = static_cast<double>(measured.count());
  const double square = count > 1 ? m * m - measured.covariance(at, 0, 0) / count : m * m;
  const double variance = q - square, covariance = c - square;
  profile::Forward out;
  out.mean = mean_of(measured, at, 0);
  out.second_moment = mean_of(measured, at, 1);
  out.token_dot = mean_of(measured, at, 2);
  out.variance = estimate(measured, at, variance, {{0, -2 * m}, {1, 1}});
  if (variance > 0) {
    const double r = covariance / variance;
    out.token_correlation =
        estimate(measured, at, r, {{0, -2 * m * (1 - r) / variance}, {1, -r / variance}, {2, 1 / variance}});
  }
  const double apart = q > 0 ? std::max(0.0, 1 - c / q) : 0;
  const double residual = std::sqrt(apart * (1 - 1 / length));
  const double slope = residual > 0 ? (1 - 1 / length) / (2 * residual) : 0;
  out.rank_residual =
      estimate(measured, at, residual, {{1, q > 0 ? slope * c / (q * q) : 0}, {2, q > 0 ? -slope / q : 0}});
  if (slots.rank != 0) out.effective_rank = mean_of(measured, at, slots.rank);
  out.cross_dot = cross_of(measured, slots);
  out.ends = ends_of(measured, slots);
  out.tokens = means_from(measured, slots.tokens, static_cast<std::size_t>(length));
  out.gram = means_from(measured, slots.gram, profile::gram_index(slots.gram_rows, 0));
  return out;
}

profile::Backward backward_of(const Accumulator& measured, const SignalSlots& slots, double elements, double length) {
  const std::size_t at = slots.begin;
  const double q = measured.mean(at + 1), c = measured.mean(at + 2);
  profile::Backward out;
  out.variance = mean_of(measured, at, 1);
  out.token_dot = mean_of(measured, at, 2);
  if (q > 0) out.token_correlation = estimate(measured, at, c / q, {{1, -c / (q * q)}, {2, 1 / q}});
  out.norm = root_of(measured, at, 1, elements);
  out.cross_dot = cross_of(measured, slots);
  out.ends = ends_of(measured, slots);
  out.tokens = means_from(measured, slots.tokens, static_cast<std::size_t>(length));
  return out;
}

profile::Rare<profile::AttentionMetrics> attention_of(const Accumulator& measured,
                                                      const std::optional<ScoreSlots>& slots, double length) {
  if (!slots) return {};
  const std::size_t entropy = slots->begin + 1;
  profile::AttentionMetrics out;
  out.score_variance = mean_of(measured, slots->begin, 0);
  out.entropy = mean_of(measured, entropy, 0);
  out.entropy_fraction =
      estimate(measured, entropy, out.entropy->value / std::log(length), {{0, 1 / std::log(length)}});
  return out;
}

}  // namespace

profile::Profile assemble(const Subject& subject, const Accumulator& measured) {
  const network::Network& network = subject.network;
  const Layout& layout = subject.layout;
  const double length = network.length();
  profile::Profile out = network::blank_profile(subject.outline);
  out.name = network.name;
  if (const std::size_t listed = layout.forward.front().gram_rows; listed > 0)
    out.gram_tokens = profile::gram_tokens(length, listed);
  for (profile::Point& point : out.points) {
    const auto width = static_cast<double>(subject.outline.points[point.index].width);
    point.forward = forward_of(measured, layout.forward[point.index], length);
    point.backward = backward_of(measured, layout.backward[point.index], network.batch_size() * length * width, length);
  }
  std::size_t weight_index = 0;
  for (profile::Layer& layer : out.layers) {
    layer.attention = attention_of(measured, layout.attention[layer.index - 1], length);
    layer.cross_attention = attention_of(measured, layout.cross_attention[layer.index - 1], length);
    for (profile::Weight& weight : layer.weights)
      weight.gradient_norm = root_of(measured, layout.weights[weight_index++], 0, 1);
  }
  out.summary = profile::summarize(out, network.thresholds, length);
  return out;
}

}  // namespace sigprop::simulate
