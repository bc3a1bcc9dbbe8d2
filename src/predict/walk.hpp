// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "predict/exchangeable.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::predict {

/// The places of a network's profile, without their numbers.
[[nodiscard]] profile::Profile blank_profile(const network::Outline& outline);

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

  Walk(const network::Network& network, const network::Outline& outline, Algebra& algebra, profile::Profile& result)
      : network_(network), outline_(outline), algebra_(algebra), result_(result) {}

  void run() {
    Signal signal = enter();
    record(signal);
    signal = forward_points(network_.body, std::move(signal));
    Gradient gradient = algebra_.loss_gradient(signal);
    again_ = true;
    gradient = backward_points(network_.body, std::move(gradient));
    record(gradient);
  }

  /// The signal at the point "input".
  [[nodiscard]] Signal enter() { return forward_list(network_.input, algebra_.source()); }

  /// What becomes of a signal in a list of its own, whatever was walked before.
  [[nodiscard]] Signal pass(const std::vector<network::Component>& list, const Signal& signal) {
    tape_.clear();
    branch_shares_.clear();
    weight_ = 0;
    return forward_list(list, signal);
  }

 private:
  using Components = std::vector<network::Component>;

  void record(const Signal& x) {
    const std::size_t point = point_++;
    result_.points[point].forward = algebra_.profile_of(x, outline_.points[point].width);
  }

  void record(const Gradient& g) {
    const std::size_t point = --point_;
    result_.points[point].backward = algebra_.profile_of(g, outline_.points[point].width);
  }

  // ---- forward -----------------------------------------------------------------------------------------------------

  /// The outer level: here points lie.
  [[nodiscard]] Signal forward_points(const Components& list, Signal signal) {
    for (const network::Component& component : list) {
      if (const auto* repeat = std::get_if<network::Repeat>(&component.op)) {
        for (std::size_t turn = 0; turn < repeat->times; ++turn) signal = forward_points(repeat->of, std::move(signal));
      } else if constexpr (Algebra::recomputes) {
        starts_.push_back({signal, weight_});
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
    weight_ += weights_of(op);
    return algebra_.forward(op, x);
  }

  [[nodiscard]] Signal forward_op(const network::Attention& op, const Signal& x) {
    keep(x);
    profile::Layer& layer = result_.layers[outline_.place_of_weight[weight_].layer];
    weight_ += weights_of(op);
    return algebra_.forward(op, x, layer.attention.emplace());
  }

  [[nodiscard]] Signal forward_op(const network::Residual& op, const Signal& x) {
    auto sum = algebra_.sum(op, x, forward_list(op.of, x));
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
    weight_ = starts_.back().weight;
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

  void set_weight(const std::optional<T>& squared_norm) {
    using std::sqrt;
    const network::Outline::PlaceOfWeight& place = outline_.place_of_weight[--weight_];
    if (squared_norm) result_.layers[place.layer].weights[place.index].gradient_norm = quantity(T(sqrt(*squared_norm)));
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
  bool again_ = false;      ///< the backward pass has begun
  std::size_t point_ = 0;   ///< next point on the way forward, last one met on the way back
  std::size_t weight_ = 0;  ///< likewise
};

}  // namespace sigprop::predict
