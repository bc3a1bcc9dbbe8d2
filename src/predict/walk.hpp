// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "predict/exchangeable.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::predict {

/// Forward then backward over a network's components. The forward pass leaves one frame a component on a tape, the backward pass takes
/// them off again; both visit points and weights in the same order.
///
/// The walk decides what is computed in which order; an algebra computes: Exchangeable<T> shows what it offers, signals and gradients
/// of its own types and every component's formulas on them. An algebra whose signals are large asks to recompute: then only the
/// signals before the outer components are kept, and what lies inside one is computed again on the way back.
template <class Algebra>
class Walk {
 public:
  using T = typename Algebra::Number;
  using Signal = typename Algebra::Signal;
  using Gradient = typename Algebra::Gradient;

  /// The next point and the next weight of the outline; an encoder's come before its decoder's.
  struct Place {
    std::size_t point = 0;
    std::size_t weight = 0;
  };

  Walk(const network::Network& network, const network::Outline& outline, Algebra& algebra, profile::Profile& result,
       Place from = {})
      : network_(network), outline_(outline), algebra_(algebra), result_(result), place_(from) {}

  /// From the input through the network's encoder or body. The list must outlive the walk.
  [[nodiscard]] Signal forward(const std::vector<network::Component>& list) {
    list_ = &list;
    Signal signal = enter();
    record(signal);
    return forward_points(list, std::move(signal));
  }

  /// Back again.
  void backward(Gradient gradient) {
    again_ = true;
    record(backward_points(*list_, std::move(gradient)));
  }

  /// After a forward pass: where the next walk begins.
  [[nodiscard]] Place place() const { return place_; }

  /// The signal at the point "input".
  [[nodiscard]] Signal enter() { return forward_list(network_.input, algebra_.source()); }

  /// What becomes of a signal in a list of its own, whatever was walked before.
  [[nodiscard]] Signal pass(const std::vector<network::Component>& list, const Signal& signal) {
    tape_.clear();
    branch_shares_.clear();
    place_ = {};
    return forward_list(list, signal);
  }

  /// And back through the list of the last pass.
  [[nodiscard]] Gradient pass_back(const std::vector<network::Component>& list, Gradient gradient) {
    return backward_list(list, std::move(gradient));
  }

 private:
  using Components = std::vector<network::Component>;

  void record(const Signal& x) {
    const std::size_t point = place_.point++;
    result_.points[point].forward = algebra_.profile_of(x, outline_.points[point].width);
  }

  void record(const Gradient& g) {
    const std::size_t point = --place_.point;
    result_.points[point].backward = algebra_.profile_of(g, outline_.points[point].width);
  }

  // ---- forward -----------------------------------------------------------------------------------------------------

  /// The outer level: here points lie.
  [[nodiscard]] Signal forward_points(const Components& list, Signal signal) {
    for (const network::Component& component : list) {
      if (const auto* repeat = std::get_if<network::Repeat>(&component.op)) {
        for (std::size_t turn = 0; turn < repeat->times; ++turn) signal = forward_points(repeat->of, std::move(signal));
      } else if constexpr (Algebra::recomputes) {
        starts_.push_back({signal, place_.weight});
        signal = forward(component, signal);
      } else {
        signal = forward(component, signal);
      }
      if (!component.point.empty()) record(signal);
    }
    return signal;
  }

  [[nodiscard]] Signal forward(const network::Component& component, const Signal& x) {
    return std::visit([&](const auto& op) { return this->forward_op(op, x); }, component.op);
  }

  [[nodiscard]] Signal forward_list(const Components& list, Signal signal) {
    for (const network::Component& component : list) signal = forward(component, signal);
    return signal;
  }

  /// What the backward pass needs of the forward pass. Where it will be computed again the first time leaves nothing.
  void keep(const Signal& x) {
    if (!Algebra::recomputes || again_) tape_.push_back(x);
  }

  template <class Op>
  [[nodiscard]] Signal forward_op(const Op& op, const Signal& x) {
    keep(x);
    place_.weight += weights_of(op);
    return algebra_.forward(op, x);
  }

  [[nodiscard]] Signal forward_op(const network::Attention& op, const Signal& x) {
    keep(x);
    profile::Layer& layer = result_.layers[outline_.place_of_weight[place_.weight].layer];
    place_.weight += weights_of(op);
    return algebra_.forward(op, x, (op.cross ? layer.cross_attention : layer.attention).emplace());
  }

  [[nodiscard]] Signal forward_op(const network::Parallel& op, const Signal& x) {
    Signal sum = forward_list(op.of.front(), x);
    for (std::size_t i = 1; i < op.of.size(); ++i) sum = algebra_.add(x, sum, forward_list(op.of[i], x));
    return sum;
  }

  [[nodiscard]] Signal forward_op(const network::Experts& op, const Signal& x) {
    return algebra_.mean_of(op, x, forward_list(op.of, x));
  }

  [[nodiscard]] Signal forward_op(const network::Residual& op, const Signal& x) {
    auto sum = algebra_.sum(op, x, forward_list(op.of, algebra_.into_branch(x)));
    if (!Algebra::recomputes || again_) branch_shares_.push_back(std::move(sum.branch_share));
    return std::move(sum.signal);
  }

  [[nodiscard]] Signal forward_op(const network::Repeat& op, Signal x) {
    for (std::size_t turn = 0; turn < op.times; ++turn) x = forward_list(op.of, std::move(x));
    return x;
  }

  // ---- backward ----------------------------------------------------------------------------------------------------

  [[nodiscard]] Gradient backward_points(const Components& list, Gradient g) {
    for (std::size_t i = list.size(); i-- > 0;) {
      const network::Component& component = list[i];
      if (!component.point.empty()) record(g);
      if (const auto* repeat = std::get_if<network::Repeat>(&component.op)) {
        for (std::size_t turn = 0; turn < repeat->times; ++turn) g = backward_points(repeat->of, std::move(g));
      } else {
        if constexpr (Algebra::recomputes) forward_again(component);
        g = backward(component, g);
      }
    }
    return g;
  }

  void forward_again(const network::Component& component) {
    place_.weight = starts_.back().weight;
    static_cast<void>(forward(component, starts_.back().signal));
    starts_.pop_back();
  }

  [[nodiscard]] Gradient backward(const network::Component& component, const Gradient& g) {
    return std::visit([&](const auto& op) { return this->backward_op(op, g); }, component.op);
  }

  [[nodiscard]] Gradient backward_list(const Components& list, Gradient g) {
    for (std::size_t i = list.size(); i-- > 0;) g = backward(list[i], g);
    return g;
  }

  template <class Op>
  [[nodiscard]] Gradient backward_op(const Op& op, const Gradient& g) {
    const Signal x = std::move(tape_.back());
    tape_.pop_back();
    SquaredNorms<T> norms;
    Gradient back = algebra_.backward(op, x, g, norms);
    for (std::size_t weight = weights_of(op); weight-- > 0;) set_weight(norms[weight]);
    return back;
  }

  [[nodiscard]] Gradient backward_op(const network::Residual& op, const Gradient& g) {
    const auto branch_share = std::move(branch_shares_.back());
    branch_shares_.pop_back();
    return algebra_.sum(op, g, backward_list(op.of, algebra_.into_branch(op, g)), branch_share);
  }

  [[nodiscard]] Gradient backward_op(const network::Repeat& op, Gradient g) {
    for (std::size_t turn = 0; turn < op.times; ++turn) g = backward_list(op.of, std::move(g));
    return g;
  }

  [[nodiscard]] Gradient backward_op(const network::Parallel& op, const Gradient& g) {
    Gradient sum = backward_list(op.of.back(), g);
    for (std::size_t i = op.of.size() - 1; i-- > 0;) sum = algebra_.add(sum, backward_list(op.of[i], g));
    return sum;
  }

  [[nodiscard]] Gradient backward_op(const network::Experts& op, const Gradient& g) {
    return backward_list(op.of, algebra_.into_experts(op, g));
  }

  void set_weight(const std::optional<T>& squared_norm) {
    using std::sqrt;
    const network::Outline::PlaceOfWeight& place = outline_.place_of_weight[--place_.weight];
    if (!squared_norm) return;
    // Collapsed tokens cancel each other's gradients: then rounding is all that is left, of either sign.
    const bool cancelled = *squared_norm < T(0);
    result_.layers[place.layer].weights[place.index].gradient_norm =
        quantity(cancelled ? T(0) : T(sqrt(*squared_norm)));
  }

  [[nodiscard]] static constexpr std::size_t weights_of(const network::Linear&) { return 1; }
  [[nodiscard]] static constexpr std::size_t weights_of(const network::GatedLinear&) { return 2; }
  [[nodiscard]] static constexpr std::size_t weights_of(const network::Attention&) { return 4; }
  template <class Op>
  [[nodiscard]] static constexpr std::size_t weights_of(const Op&) {
    return 0;
  }

  /// Where the forward pass of an outer component began.
  struct Start {
    Signal signal;
    std::size_t weight;
  };

  const network::Network& network_;
  const network::Outline& outline_;
  Algebra& algebra_;
  profile::Profile& result_;
  std::vector<Signal> tape_;
  std::vector<decltype(Algebra::Sum::branch_share)> branch_shares_;  ///< of every residual's variance, in forward order
  std::vector<Start> starts_;
  const Components* list_ = nullptr;
  bool again_ = false;  ///< the backward pass has begun
  Place place_;         ///< next ones on the way forward, last ones met on the way back
};

/// A whole network; its encoder, if it has one, in an algebra where tokens are exchangeable, the same one where the body's is such.
template <class Algebra, class Encoder>
void walk_network(const network::Network& network, const network::Outline& outline, Algebra& algebra,
                  Encoder& of_encoder, profile::Profile& result) {
  if (network.encoder.empty()) {
    Walk walk(network, outline, algebra, result);
    walk.backward(algebra.loss_gradient(walk.forward(network.body)));
    return;
  }
  Walk<Encoder> encoder(network, outline, of_encoder, result);
  algebra.attend_to(encoder.forward(network.encoder));
  Walk<Algebra> decoder(network, outline, algebra, result, {encoder.place().point, encoder.place().weight});
  decoder.backward(algebra.loss_gradient(decoder.forward(network.body)));
  encoder.backward(Encoder::fresh(algebra.memory_gradient()));
}

}  // namespace sigprop::predict
