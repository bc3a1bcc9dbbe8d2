// SPDX-License-Identifier: Apache-2.0
#include "sigprop/network/outline.hpp"

#include <algorithm>

namespace sigprop::network {
namespace {

using Components = std::vector<Component>;

class Tracer {
 public:
  explicit Tracer(Outline& out) : out_(out) {}

  void stack(const Components& input, const Components& body, std::size_t width, const std::string& prefix) {
    prefix_ = prefix;
    width_ = width;
    first_layer_ = out_.layers.size();
    for (const Component& component : input) visit(component);
    out_.points.push_back({prefix_ + "input", 0, width_});
    points(body, false);
  }

 private:
  /// The outer level: here layers begin and points lie. Within a turn of a repeat only the first
  /// weights begin a layer.
  void points(const Components& list, bool in_turn) {
    bool begun = false;
    for (const Component& component : list) {
      if (const auto* repeat = std::get_if<Repeat>(&component.op)) {
        for (std::size_t turn = 0; turn < repeat->times; ++turn) points(repeat->of, true);
      } else {
        if (has_weights(component) && !(in_turn && begun)) {
          out_.layers.push_back({layer_path(1), false, false, {}});
          begun = true;
        }
        visit(component);
      }
      if (!component.point.empty())
        out_.points.push_back({layer_path(0) + "/" + component.point, out_.layers.size(), width_});
    }
  }

  [[nodiscard]] std::string layer_path(std::size_t ahead) const {
    return prefix_ + "layer " + std::to_string(out_.layers.size() - first_layer_ + ahead);
  }

  void visit(const Component& component) {
    std::visit([this](const auto& op) { this->add(op); }, component.op);
  }

  void add(const Linear& op) {
    weights(op);
    width_ = op.out;
  }
  void add(const GatedLinear& op) {
    weights(op);
    width_ = op.out;
  }
  void add(const Attention& op) {
    (op.cross ? out_.layers.back().cross_attention : out_.layers.back().attention) = true;
    weights(op, op.cross ? "cross_" : "");
  }
  void add(const Residual& op) {
    const bool before = waits_;
    waits_ = waits_ || (op.learned_branch && op.branch == 0);
    for (const Component& component : op.of) visit(component);
    waits_ = before;
  }
  void add(const Repeat& op) {
    for (std::size_t turn = 0; turn < op.times; ++turn) {
      for (const Component& component : op.of) visit(component);
    }
  }
  void add(const Parallel& op) {
    const std::size_t before = width_;
    for (const Components& list : op.of) {
      width_ = before;
      for (const Component& component : list) visit(component);
    }
  }
  /// One entry for the weights of all experts.
  void add(const Experts& op) {
    weights(op);
    for (const Component& component : op.of) visit(component);
  }
  void add(const Activation&) {}
  void add(const Dropout&) {}
  void add(const Norm&) {}

  template <class Op>
  void weights(const Op& op, const std::string& prefix = "") {
    for (const WeightSlot<Op>& slot : weight_slots(op)) {
      std::vector<Outline::Weight>& list = out_.layers.back().weights;
      const auto taken = [&](const std::string& wanted) {
        return std::any_of(list.begin(), list.end(), [&](const Outline::Weight& w) { return w.name == wanted; });
      };
      const std::string name = prefix + std::string(slot.name);
      std::string unique = name;
      for (std::size_t copy = 2; taken(unique); ++copy) unique = name + "_" + std::to_string(copy);
      out_.weight_indices.push_back({out_.layers.size() - 1, list.size()});
      list.push_back({unique, slot.role, op.*slot.std, waits_});
    }
  }

  Outline& out_;
  std::string prefix_;
  std::size_t width_ = 0;
  std::size_t first_layer_ = 0;
  bool waits_ = false;  ///< inside a branch whose learned scale is 0
};

/// Copies the outer components whose points lie in [first, last]; `point` is the next one's.
void copy_between(const Components& list, std::size_t first, std::size_t last, std::size_t& point, Components& out) {
  for (const Component& component : list) {
    if (const auto* repeat = std::get_if<Repeat>(&component.op)) {
      for (std::size_t turn = 0; turn < repeat->times; ++turn) copy_between(repeat->of, first, last, point, out);
    } else if (point >= first && point <= last) {
      out.push_back(component);
    }
    if (!component.point.empty()) ++point;
  }
}

/// The outline of a list alone: its layers, and its points behind the one of its input.
Outline outline_alone(const Components& list) {
  Network alone;
  alone.body = list;
  return outline_of(alone);
}

/// `layer` and `point` are the last ones before the list.
std::optional<Run> run_in(const Components& list, std::size_t wanted, std::size_t layer, std::size_t point) {
  for (const Component& component : list) {
    const Outline alone = outline_alone({component});
    const std::size_t layers = alone.layers.size(), points = alone.points.size() - 1;
    const auto* repeat = std::get_if<Repeat>(&component.op);
    if (wanted > layer && wanted <= layer + layers && repeat != nullptr && repeat->times > 1 &&
        layers == repeat->times && points > 0)
      return Run{layer + 1, layer + layers, point, point + points, repeat->of};
    layer += layers;
    point += points;
  }
  return {};
}

}  // namespace

Outline outline_of(const Network& network) {
  Outline out;
  Tracer tracer(out);
  if (!network.encoder.empty()) tracer.stack(network.input, network.encoder, network.width, "encoder/");
  tracer.stack(network.input, network.body, network.width, network.encoder.empty() ? "" : "decoder/");
  return out;
}

profile::Profile blank_profile(const Outline& outline) {
  profile::Profile out;
  out.points.reserve(outline.points.size());
  out.layers.reserve(outline.layers.size());
  for (const Outline::Point& place : outline.points)
    out.points.push_back(
        {.index = out.points.size(), .path = place.path, .layer = place.layer, .forward = {}, .backward = {}});
  for (const Outline::Layer& place : outline.layers) {
    profile::Layer& layer = out.layers.emplace_back();
    layer.index = out.layers.size();
    layer.path = place.path;
    layer.weights.reserve(place.weights.size());
    for (const Outline::Weight& weight : place.weights)
      layer.weights.push_back(
          {.name = weight.name, .role = weight.role, .std = weight.std, .gradient_norm = {}, .waits = weight.waits});
  }
  return out;
}

std::size_t first_point(const Outline& outline, std::size_t layer) {
  const auto found = std::find_if(outline.points.begin(), outline.points.end(),
                                  [&](const Outline::Point& point) { return point.layer == layer; });
  return static_cast<std::size_t>(found - outline.points.begin());
}

Network layer_alone(const Network& network, const Outline& outline, std::size_t layer) {
  const std::size_t first = first_point(outline, layer);
  std::size_t last = first;
  while (last + 1 < outline.points.size() && outline.points[last + 1].layer == layer) ++last;
  Network out = network;
  out.source = GivenInput{};
  out.input.clear();
  out.body.clear();
  out.encoder.clear();
  std::size_t point = 1;
  if (!network.encoder.empty()) {
    copy_between(network.encoder, first, last, point, out.body);
    ++point;  // the decoder's input
  }
  copy_between(network.body, first, last, point, out.body);
  return out;
}

std::optional<Run> run_of(const Network& network, std::size_t layer) {
  if (network.encoder.empty()) return run_in(network.body, layer, 0, 0);
  const Outline encoder = outline_alone(network.encoder);
  if (layer <= encoder.layers.size()) return run_in(network.encoder, layer, 0, 0);
  return run_in(network.body, layer, encoder.layers.size(), encoder.points.size());
}

bool has_mask(const Network& network) {
  return has_mask(network.encoder) || has_mask(network.body);
}

bool has_special_tokens(const Network& network) {
  const auto* given = std::get_if<GivenInput>(&network.source);
  return (given != nullptr && given->class_tokens > 0) || has_gram(network) || !network.gradient_tokens.empty();
}

bool has_attention(const Network& network) {
  bool found = false;
  for (const auto* list : {&network.encoder, &network.body}) {
    for_each_component(
        *list, [&](const Component& component) { found = found || std::holds_alternative<Attention>(component.op); });
  }
  return found;
}

}  // namespace sigprop::network
