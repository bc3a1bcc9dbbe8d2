// SPDX-License-Identifier: Apache-2.0
#include "check/quantities.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "sigprop/check/check.hpp"
#include "sigprop/profile/quantities.hpp"
#include "sigprop/profile/weights.hpp"

namespace sigprop::check {
namespace {

using profile::Layer;
using profile::LayerRow;
using profile::Point;
using profile::PointRow;
using profile::Profile;
using profile::Quantity;
using profile::WeightRow;

/// Short names of quantities.
constexpr std::pair<std::string_view, std::string_view> aliases[] = {
    {"token_correlation", "forward.token_correlation"},
    {"rank_residual", "forward.rank_residual"},
};

std::string_view without_alias(std::string_view name) {
  for (const auto& [alias, quantity] : aliases) {
    if (name == alias) return quantity;
  }
  return name;
}

std::optional<Quantity> value_of(const Quantity* quantity) {
  return quantity != nullptr ? std::optional(*quantity) : std::nullopt;
}

constexpr const char* each_weight = "*";
constexpr const char* all_weights = "all";

std::string fraction_of(const std::string& weight) {
  return "weights." + weight + ".gradient_fraction";
}

constexpr const char* weight_names[] = {each_weight, all_weights,   "query",        "key",     "value",
                                        "output",    "ffn_in",      "ffn_gate",     "ffn_out", "cross_query",
                                        "cross_key", "cross_value", "cross_output", "linear"};

Series along_points(const PointRow& row, const Profile& profile) {
  Series out;
  for (const Point& point : profile.points) out.push_back({point.layer, point.path, value_of(row.find(point))});
  return out;
}

Series along_layers(const LayerRow& row, const Profile& profile) {
  const std::string kind(row.name.substr(0, row.name.find('.')));
  Series out;
  for (const Layer& layer : profile.layers) {
    if (has_attention_of(layer, row)) out.push_back({layer.index, layer.path + "/" + kind, value_of(row.find(layer))});
  }
  return out;
}

Series along_weight(const WeightRow& row, const std::string& name, const Profile& profile) {
  Series out;
  for (const Layer& layer : profile.layers) {
    for (const profile::Weight& weight : layer.weights) {
      if (weight.name == name) out.push_back({layer.index, layer.path + "/" + name, value_of(row.find(weight))});
    }
  }
  return out;
}

Series along_all_weights(const Profile& profile) {
  Series out;
  for (const Layer& layer : profile.layers)
    out.push_back({layer.index, layer.path, profile::gradient_norm_of_all(layer)});
  return out;
}

/// Of a weight's gradient in that of its layer. Left out are weights that wait for a learned scale.
Series along_fraction(const std::string& name, const Profile& profile) {
  Series out;
  for (const Layer& layer : profile.layers) {
    const profile::Weight* weight = profile::find_weight(layer, name);
    if (weight != nullptr && !weight->waits)
      out.push_back({layer.index, layer.path + "/" + name, profile::gradient_fraction(layer, *weight)});
  }
  return out;
}

std::vector<Series> of_weights(const std::string& quantity, const Profile& profile) {
  std::vector<Series> out;
  for (const WeightRow& row : profile::weight_quantities) {
    if (quantity == name_of(row, all_weights)) return {along_all_weights(profile)};
    for (const std::string& name : profile::weight_names(profile)) {
      if (quantity == name_of(row, each_weight) || quantity == name_of(row, name))
        out.push_back(along_weight(row, name, profile));
    }
  }
  for (const std::string& name : profile::weight_names(profile)) {
    if (quantity == fraction_of(each_weight) || quantity == fraction_of(name))
      out.push_back(along_fraction(name, profile));
  }
  return out;
}

}  // namespace

std::vector<std::string> quantity_names() {
  std::vector<std::string> names;
  for (const PointRow& row : profile::point_quantities) names.emplace_back(row.name);
  for (const auto& [alias, quantity] : aliases) names.emplace_back(alias);
  for (const LayerRow& row : profile::layer_quantities) names.emplace_back(row.name);
  for (const WeightRow& row : profile::weight_quantities) {
    for (const char* weight : weight_names) names.push_back(name_of(row, weight));
  }
  for (const char* weight : weight_names) {
    if (weight != std::string_view(all_weights)) names.push_back(fraction_of(weight));
  }
  return names;
}

std::vector<Series> series_of(const std::string& quantity, const Profile& profile) {
  std::vector<Series> out = of_weights(quantity, profile);
  for (const PointRow& row : profile::point_quantities) {
    if (row.name == without_alias(quantity)) out.push_back(along_points(row, profile));
  }
  for (const LayerRow& row : profile::layer_quantities) {
    if (row.name == quantity) out.push_back(along_layers(row, profile));
  }
  std::erase_if(out, [](const Series& series) { return series.empty(); });
  return out;
}

bool has_attention(const Profile& profile) {
  return std::any_of(profile.layers.begin(), profile.layers.end(),
                     [](const Layer& layer) { return layer.attention.has_value(); });
}

bool has_cross_attention(const Profile& profile) {
  return std::any_of(profile.layers.begin(), profile.layers.end(),
                     [](const Layer& layer) { return layer.cross_attention.has_value(); });
}

bool has_gradients(const Profile& profile) {
  return std::any_of(profile.layers.begin(), profile.layers.end(), [](const Layer& layer) {
    return std::any_of(layer.weights.begin(), layer.weights.end(), [&](const profile::Weight& weight) {
      return !weight.waits && profile::gradient_fraction(layer, weight).has_value();
    });
  });
}

}  // namespace sigprop::check
