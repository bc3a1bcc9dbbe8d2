// SPDX-License-Identifier: Apache-2.0
#include "verify/pairs.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "sigprop/profile/quantities.hpp"
#include "verify/place.hpp"

namespace sigprop::verify {
namespace {

using profile::Layer;
using profile::LayerRow;
using profile::ListRow;
using profile::Point;
using profile::PointRow;
using profile::Profile;
using profile::Quantity;
using profile::Scale;
using profile::Weight;
using profile::WeightRow;

/// The number that an error of a point's quantity is relative to.
double scale_of(Scale scale, const Quantity& value, const Point& point) {
  switch (scale) {
    case Scale::root_second_moment:
      return std::sqrt(point.forward.second_moment.value);
    case Scale::second_moment:
      return point.forward.second_moment.value;
    case Scale::gradient_variance:
      return point.backward.variance.value;
    case Scale::itself:
      return value.value;
    case Scale::one:
    case Scale::log_length:
    case Scale::none:
      break;
  }
  return 1;
}

/// The same of a layer's quantity: an entropy over its fraction of ln L is ln L.
double scale_of(const LayerRow& row, const Quantity& value, const Layer& layer) {
  if (row.scale == Scale::itself) return value.value;
  const auto& metrics = row.presence == profile::Presence::attention ? layer.attention : layer.cross_attention;
  return metrics->entropy_fraction ? value.value / metrics->entropy_fraction->value : 1;
}

class Collector {
 public:
  Collector(const Profile& predicted, const Profile& measured) : predicted_(predicted), measured_(measured) {}

  [[nodiscard]] std::vector<Pair> collect() {
    if (predicted_.points.size() != measured_.points.size() || predicted_.layers.size() != measured_.layers.size())
      throw std::logic_error("prediction and measurement report different places");
    for (std::size_t i = 0; i < predicted_.points.size(); ++i) add_point(i);
    for (std::size_t i = 0; i < predicted_.layers.size(); ++i) add_layer(i);
    return std::move(pairs_);
  }

 private:
  /// Sets the place of the pairs that are added next.
  void set_context(bool of_layer, std::size_t index, const std::string& path, std::size_t point) {
    next_ = {of_layer, index, path, "", {}, {}, 1, Kind::forward, context_of_point(predicted_, point)};
  }

  void add(Kind kind, std::string_view quantity, const Quantity* predicted, const Quantity* measured, double scale) {
    if (predicted == nullptr || measured == nullptr || !predicted->representable()) return;
    next_.kind = kind;
    next_.quantity = quantity;
    next_.predicted = *predicted;
    next_.measured = *measured;
    next_.scale = std::abs(scale);
    pairs_.push_back(next_);
  }

  void add_point(std::size_t i) {
    const Point &predicted = predicted_.points[i], &measured = measured_.points[i];
    set_context(false, i, predicted.path, i);
    for (const PointRow& row : profile::point_quantities) {
      const Quantity* value = row.find(predicted);
      if (value != nullptr) add(row.error, row.name, value, row.find(measured), scale_of(row.scale, *value, predicted));
    }
    for (const ListRow& row : profile::token_lists) add_list(row, predicted, measured);
  }

  /// Every token, or every pair of tokens, that both profiles list.
  void add_list(const ListRow& row, const Point& predicted, const Point& measured) {
    const std::vector<Quantity>&values = *row.find(predicted), &others = *row.find(measured);
    if (values.empty() || values.size() != others.size()) return;
    const std::vector<std::vector<std::size_t>> tokens = tokens_of(row, predicted_);
    for (std::size_t i = 0; i < values.size(); ++i) {
      next_.path = predicted.path + (tokens[i].size() == 1 ? ", token " : ", tokens ") + std::to_string(tokens[i][0]);
      if (tokens[i].size() > 1) next_.path += " and " + std::to_string(tokens[i][1]);
      add(row.error, row.name, &values[i], &others[i], scale_of(row.scale, values[i], predicted));
    }
  }

  /// A layer counts as the place of its first point, so that the gradient has passed all of it.
  void add_layer(std::size_t i) {
    const Layer &predicted = predicted_.layers[i], &measured = measured_.layers[i];
    set_context(true, i, predicted.path, point_before(predicted_, i));
    for (const LayerRow& row : profile::layer_quantities) {
      const Quantity* value = row.find(predicted);
      if (value != nullptr && row.scale != Scale::none)
        add(row.error, row.name, value, row.find(measured), scale_of(row, *value, predicted));
    }
    for (std::size_t w = 0; w < std::min(predicted.weights.size(), measured.weights.size()); ++w) {
      const Weight& weight = predicted.weights[w];
      for (const WeightRow& row : profile::weight_quantities) {
        const Quantity* value = row.find(weight);
        if (value != nullptr)
          add(error_of(row, weight.role), name_of(row, weight.name), value, row.find(measured.weights[w]),
              value->value);
      }
    }
  }

  const Profile& predicted_;
  const Profile& measured_;
  Pair next_;
  std::vector<Pair> pairs_;
};

}  // namespace

std::vector<Pair> pairs_of(const Profile& predicted, const Profile& measured) {
  return Collector(predicted, measured).collect();
}

}  // namespace sigprop::verify
