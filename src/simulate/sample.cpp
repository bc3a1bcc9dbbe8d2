// SPDX-License-Identifier: Apache-2.0
#include "simulate/sample.hpp"

#include <algorithm>

namespace sigprop::simulate {
namespace {

class Builder {
 public:
  Builder(const network::Network& network, const Wanted& wanted)
      : cross_(network.batch > 1),
        ends_(network::has_mask(network)),
        length_(network.sequence_length),
        wanted_(wanted) {}

  [[nodiscard]] SignalPlace signal(double width, bool forward) {
    SignalPlace place;
    place.begin = at_;
    place.size = 3;
    if (cross_) place.cross = place.size++;
    if (ends_) {
      place.ends = place.size;
      place.size += 2;
    }
    if (forward && std::min(length_, width) <= wanted_.largest_rank) place.rank = place.size++;
    take(place.size);
    if (wanted_.tokens.moments) place.tokens = singles(static_cast<std::size_t>(length_));
    if (forward && wanted_.tokens.gram > 0) {
      place.gram_rows = profile::gram_tokens(length_, wanted_.tokens.gram).size();
      place.gram = singles(profile::gram_place(place.gram_rows, 0));
    }
    return place;
  }

  [[nodiscard]] std::optional<ScorePlace> scores(bool present) {
    if (!present) return std::nullopt;
    const ScorePlace place{at_};
    take(1);
    take(1);
    return place;
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
