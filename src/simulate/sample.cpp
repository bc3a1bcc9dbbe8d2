// SPDX-License-Identifier: Apache-2.0
#include "simulate/sample.hpp"

#include <algorithm>

namespace sigprop::simulate {
namespace {

class Builder {
 public:
  Builder(const network::Network& network, const Wanted& wanted)
      : cross_(network.batch > 1),
        ends_(network::has_mask(network) || network::has_special_tokens(network)),
        length_(network.length()),
        wanted_(wanted) {}

  [[nodiscard]] SignalSlots signal(double width, bool forward) {
    SignalSlots slots;
    slots.begin = at_;
    slots.size = 3;
    if (cross_) slots.cross = slots.size++;
    if (ends_) {
      slots.ends = slots.size;
      slots.size += 2;
    }
    if (forward && std::min(length_, width) <= wanted_.largest_rank) slots.rank = slots.size++;
    take(slots.size);
    if (wanted_.tokens.moments) slots.tokens = singles(static_cast<std::size_t>(length_));
    if (forward && wanted_.tokens.gram > 0) {
      slots.gram_rows = profile::gram_tokens(length_, wanted_.tokens.gram).size();
      slots.gram = singles(profile::gram_index(slots.gram_rows, 0));
    }
    return slots;
  }

  [[nodiscard]] std::optional<ScoreSlots> scores(bool present) {
    if (!present) return std::nullopt;
    const ScoreSlots slots{at_};
    take(1);
    take(1);
    return slots;
  }

  [[nodiscard]] std::size_t single() {
    take(1);
    return at_ - 1;
  }

  std::vector<std::size_t> groups;

 private:
  [[nodiscard]] std::size_t singles(std::size_t count) {
    const std::size_t begin = at_;
    for (std::size_t i = 0; i < count; ++i) take(1);
    return begin;
  }

  void take(std::size_t size) {
    groups.push_back(size);
    at_ += size;
  }

  bool cross_;
  bool ends_;
  double length_;
  Wanted wanted_;
  std::size_t at_ = 0;
};

}  // namespace

std::size_t Layout::size() const {
  std::size_t sum = 0;
  for (const std::size_t group : groups) sum += group;
  return sum;
}

Layout layout_of(const network::Network& network, const network::Outline& outline, const Wanted& wanted) {
  Builder builder(network, wanted);
  Layout layout;
  for (const network::Outline::Point& point : outline.points) {
    layout.forward.push_back(builder.signal(static_cast<double>(point.width), true));
    layout.backward.push_back(builder.signal(static_cast<double>(point.width), false));
  }
  for (const network::Outline::Layer& layer : outline.layers) {
    layout.attention.push_back(builder.scores(layer.attention));
    layout.cross_attention.push_back(builder.scores(layer.cross_attention));
    for (std::size_t i = 0; i < layer.weights.size(); ++i) layout.weights.push_back(builder.single());
  }
  layout.groups = std::move(builder.groups);
  return layout;
}

}  // namespace sigprop::simulate
