// SPDX-License-Identifier: Apache-2.0
#include "check/quantities.hpp"

#include <algorithm>

#include "sigprop/check/check.hpp"
#include "sigprop/profile/weights.hpp"

namespace sigprop::check {
namespace {

using profile::AttentionMetrics;
using profile::Layer;
using profile::Point;
using profile::Profile;
using profile::Quantity;
using Value = std::optional<Quantity>;

Value first_of(const std::optional<profile::Ends>& ends) {
  return ends ? Value(ends->first) : std::nullopt;
}

Value last_of(const std::optional<profile::Ends>& ends) {
  return ends ? Value(ends->last) : std::nullopt;
}

struct OfPoint {
  const char* name;
  Value (*read)(const Point&);
};

constexpr OfPoint of_points[] = {
    {"forward.mean", [](const Point& p) -> Value { return p.forward.mean; }},
    {"forward.variance", [](const Point& p) -> Value { return p.forward.variance; }},
    {"forward.second_moment", [](const Point& p) -> Value { return p.forward.second_moment; }},
    {"forward.token_dot", [](const Point& p) -> Value { return p.forward.token_dot; }},
    {"forward.cross_dot", [](const Point& p) -> Value { return p.forward.cross_dot; }},
    {"forward.token_correlation", [](const Point& p) -> Value { return p.forward.token_correlation; }},
    {"forward.rank_residual", [](const Point& p) -> Value { return p.forward.rank_residual; }},
    {"forward.effective_rank", [](const Point& p) -> Value { return p.forward.effective_rank; }},
    {"backward.variance", [](const Point& p) -> Value { return p.backward.variance; }},
    {"backward.token_dot", [](const Point& p) -> Value { return p.backward.token_dot; }},
    {"backward.cross_dot", [](const Point& p) -> Value { return p.backward.cross_dot; }},
    {"backward.token_correlation", [](const Point& p) -> Value { return p.backward.token_correlation; }},
    {"backward.norm", [](const Point& p) -> Value { return p.backward.norm; }},
    {"forward.first_second_moment", [](const Point& p) { return first_of(p.forward.ends); }},
    {"forward.last_second_moment", [](const Point& p) { return last_of(p.forward.ends); }},
    {"backward.first_variance", [](const Point& p) { return first_of(p.backward.ends); }},
    {"backward.last_variance", [](const Point& p) { return last_of(p.backward.ends); }},
    {"token_correlation", [](const Point& p) -> Value { return p.forward.token_correlation; }},
    {"rank_residual", [](const Point& p) -> Value { return p.forward.rank_residual; }},
};

struct OfAttention {
  const char* name;
  Value (*read)(const AttentionMetrics&);
};

constexpr OfAttention of_attention[] = {
    {"score_variance", [](const AttentionMetrics& m) -> Value { return m.score_variance; }},
    {"entropy", [](const AttentionMetrics& m) { return m.entropy; }},
    {"entropy_fraction", [](const AttentionMetrics& m) { return m.entropy_fraction; }},
};

struct AttentionKind {
  const char* name;
  std::optional<AttentionMetrics> Layer::*metrics;
};

constexpr AttentionKind attention_kinds[] = {
    {"attention", &Layer::attention},
    {"cross_attention", &Layer::cross_attention},
};

constexpr const char* each_weight = "*";
constexpr const char* all_weights = "all";

constexpr const char* weight_names[] = {each_weight, all_weights,   "query",        "key",     "value",
                                        "output",    "ffn_in",      "ffn_gate",     "ffn_out", "cross_query",
                                        "cross_key", "cross_value", "cross_output", "linear"};

std::string weight_quantity(const std::string& weight) {
  return "weights." + weight + ".gradient_norm";
}

Series along_points(const OfPoint& quantity, const Profile& profile) {
  Series out;
  for (const Point& point : profile.points) out.push_back({point.layer, point.path, quantity.read(point)});
  return out;
}

Series along_attention(const AttentionKind& kind, const OfAttention& quantity, const Profile& profile) {
  Series out;
  for (const Layer& layer : profile.layers) {
    const auto& metrics = layer.*kind.metrics;
    if (metrics) out.push_back({layer.index, layer.path + "/" + kind.name, quantity.read(*metrics)});
  }
  return out;
}

Series along_weight(const std::string& name, const Profile& profile) {
  Series out;
  for (const Layer& layer : profile.layers) {
    for (const profile::Weight& weight : layer.weights) {
      if (weight.name == name) out.push_back({layer.index, layer.path + "/" + name, weight.gradient_norm});
    }
  }
  return out;
}

Series along_layers(const Profile& profile) {
  Series out;
  for (const Layer& layer : profile.layers)
    out.push_back({layer.index, layer.path, profile::gradient_norm_of_all(layer)});
  return out;
}

std::vector<Series> of_weights(const std::string& quantity, const Profile& profile) {
  if (quantity == weight_quantity(all_weights)) return {along_layers(profile)};
  std::vector<Series> out;
  for (const std::string& name : profile::weight_names(profile)) {
    if (quantity == weight_quantity(each_weight) || quantity == weight_quantity(name))
      out.push_back(along_weight(name, profile));
  }
  return out;
}

}  // namespace

std::vector<std::string> quantity_names() {
  std::vector<std::string> names;
  for (const OfPoint& quantity : of_points) names.emplace_back(quantity.name);
  for (const AttentionKind& kind : attention_kinds) {
    for (const OfAttention& quantity : of_attention) names.push_back(std::string(kind.name) + "." + quantity.name);
  }
  for (const char* weight : weight_names) names.push_back(weight_quantity(weight));
  return names;
}

std::vector<Series> series_of(const std::string& quantity, const Profile& profile) {
  std::vector<Series> out = of_weights(quantity, profile);
  for (const OfPoint& known : of_points) {
    if (quantity == known.name) out.push_back(along_points(known, profile));
  }
  for (const AttentionKind& kind : attention_kinds) {
    for (const OfAttention& known : of_attention) {
      if (quantity == std::string(kind.name) + "." + known.name) out.push_back(along_attention(kind, known, profile));
    }
  }
  std::erase_if(out, [](const Series& series) { return series.empty(); });
  return out;
}

bool has_attention(const Profile& profile) {
  return std::any_of(profile.layers.begin(), profile.layers.end(),
                     [](const Layer& layer) { return layer.attention.has_value(); });
}

}  // namespace sigprop::check
