// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace sigprop::predict {

template <class T>
struct WeightRecord {
  std::string name;
  double std = 0;
  bool has_gradient = true;
  T squared_norm{};
};

template <class T>
struct LayerRecord {
  bool has_attention = false;
  T score_variance{};
  std::optional<T> entropy;
  std::vector<WeightRecord<T>> weights;
};

/// What a walk writes down of layers: weights in order on the way forward, their gradients in reverse order on the way back.
template <class T>
class LayerLedger {
 public:
  void open_layer() { layers_.emplace_back(); }

  /// The layer that was opened last.
  [[nodiscard]] LayerRecord<T>& current() { return layers_.back(); }
  [[nodiscard]] const std::vector<LayerRecord<T>>& layers() const { return layers_; }

  /// A weight of the current layer; a name that the layer has already is numbered: linear, linear_2, ...
  void add_weight(const std::string& name, double std) {
    std::vector<WeightRecord<T>>& weights = current().weights;
    std::string unique = name;
    for (std::size_t copy = 2; taken(weights, unique); ++copy) unique = name + "_" + std::to_string(copy);
    weights.push_back({unique, std, true, T(0)});
  }

  /// To be called once between the two passes.
  void rewind() { layer_ = layers_.size(); }

  void set_weight(const T& squared_norm) { previous_weight().squared_norm = squared_norm; }
  void skip_weight() { previous_weight().has_gradient = false; }

 private:
  [[nodiscard]] static bool taken(const std::vector<WeightRecord<T>>& weights, const std::string& name) {
    for (const auto& weight : weights) {
      if (weight.name == name) return true;
    }
    return false;
  }

  [[nodiscard]] WeightRecord<T>& previous_weight() {
    while (weight_ == 0) weight_ = layers_[--layer_].weights.size();
    return layers_[layer_].weights[--weight_];
  }

  std::vector<LayerRecord<T>> layers_;
  std::size_t layer_ = 0;  ///< of the weight that was set last; those before it are still to come
  std::size_t weight_ = 0;
};

}  // namespace sigprop::predict
