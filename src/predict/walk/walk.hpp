// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "predict/walk/algebra.hpp"
#include "predict/walk/observer.hpp"
#include "sigprop/formula/domain.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

/// Forward then backward over a network's components. The forward pass leaves one signal a
/// component on a tape, and the backward pass takes them off again; both visit points and weights
/// in the order of the network's outline.
///
/// The walk decides what is computed in which order, an algebra computes it (algebra.hpp), and an
/// observer keeps what the walk is for (observer.hpp). If an algebra recomputes, only the signals
/// before the outer components are kept, and what lies inside one is computed again on the way
/// back.
template <class Algebra, class Observer>
class Walk {
 public:
  using T = typename Algebra::Number;
  using Signal = typename Algebra::Signal;
  using Gradient = typename Algebra::Gradient;
  using Components = std::vector<network::BasicComponent<T, T>>;

  /// The next point and the next weight of the outline; an encoder's come before its decoder's.
  struct Position {
    std::size_t point = 0;
    std::size_t weight = 0;
  };

  Walk(Algebra& algebra, Observer& observer, Position from = {})
      : algebra_(algebra), observer_(observer), position_(from) {}

  /// The model's input: the source and what lies between it and the point "input".
  [[nodiscard]] Signal input() {
    return before_point(position_.point, [&] { return forward_list(algebra_.network().input, algebra_.source()); });
  }

  /// From the point "input" through an encoder or body. The list must outlive the walk.
  [[nodiscard]] Signal forward(const Components& list, Signal signal) {
    list_ = &list;
    record(signal);
    return forward_points(list, std::move(signal));
  }

  /// Back again.
  void backward(Gradient gradient) {
    again_ = true;
    record(backward_points(*list_, std::move(gradient)));
  }

  /// After a forward pass: where the next walk begins.
  [[nodiscard]] Position position() const { return position_; }

  /// The signal after a list of its own, whatever was walked before. Points are not recorded.
  [[nodiscard]] Signal pass(const Components& list, const Signal& signal) {
    tape_.clear();
    shares_.clear();
    routed_.clear();
    position_ = {};
    return forward_list(list, signal);
  }

  /// And back through the list of the last pass.
  [[nodiscard]] Gradient pass_back(const Components& list, Gradient gradient) {
    return backward_list(list, std::move(gradient));
  }

 private:
  template <class Op>
  static constexpr std::size_t weights_of = network::weight_count<Op>;

  void record(const Signal& x) {
    widths_.push_back(x.width);
    observer_.at_point(position_.point++, x);
  }

  void record(const Gradient& g) {
    observer_.at_point(--position_.point, g, widths_.back());
    widths_.pop_back();
  }

  // ---- forward -----------------------------------------------------------------------------------------------------

  /// The outer level, which has the points.
  [[nodiscard]] Signal forward_points(const Components& list, Signal signal) {
    for (const auto& component : list) {
      if (const auto* repeat = std::get_if<network::BasicRepeat<T, T>>(&component.op)) {
        for (std::size_t i = 0; i < repeat->times; ++i) signal = forward_points(repeat->of, std::move(signal));
      } else {
        if constexpr (Algebra::recomputes) starts_.push_back({signal, position_.weight});
        signal = before_point(position_.point, [&] { return forward(component, signal); });
      }
      if (!component.point.empty()) record(signal);
    }
    return signal;
  }

  /// What a step returns that lies before this point. A formula whose domain it leaves, and what
  /// the theory does not cover, are named with the point.
  template <class Step>
  [[nodiscard]] auto before_point(std::size_t index, const Step& step) const {
    try {
      return step();
    } catch (const formula::DomainError& error) {
      const std::string point = observer_.point_name(index);
      if (point.empty()) throw;
      throw formula::DomainError(point + ": " + error.name, error.value, error.range);
    } catch (const NotCovered& error) {
      const std::string point = observer_.point_name(index);
      if (point.empty()) throw;
      throw NotCovered(point + ": " + error.what());
    }
  }

  template <class Component>
  [[nodiscard]] Signal forward(const Component& component, const Signal& x) {
    return std::visit([&](const auto& op) { return this->forward_op(op, x); }, component.op);
  }

  [[nodiscard]] Signal forward_list(const Components& list, Signal signal) {
    for (const auto& component : list) signal = forward(component, signal);
    return signal;
  }

  /// True where the backward pass will read what the forward pass leaves. Of what it computes
  /// again, the first pass leaves nothing.
  [[nodiscard]] bool keeps() const { return !Algebra::recomputes || again_; }

  template <class Op>
  [[nodiscard]] Signal forward_op(const Op& op, const Signal& x) {
    if (keeps()) tape_.push_back(x);
    position_.weight += weights_of<Op>;
    return observer_.forward(op, x, [&](const Signal& read) { return algebra_.forward(op, read); });
  }

  [[nodiscard]] Signal forward_op(const AttentionOp<T>& op, const Signal& x) {
    if (keeps()) tape_.push_back(x);
    const std::size_t first = position_.weight;
    position_.weight += weights_of<AttentionOp<T>>;
    profile::AttentionMetrics metrics;
    Signal y = observer_.forward(op, x, [&](const Signal& read) { return algebra_.forward(op, read, metrics); });
    observer_.at_attention(first, op.cross, metrics);
    return y;
  }

  [[nodiscard]] Signal forward_op(const network::BasicParallel<T, T>& op, const Signal& x) {
    Signal sum = forward_list(op.of.front(), x);
    for (std::size_t i = 1; i < op.of.size(); ++i) {
      const Signal next = forward_list(op.of[i], x);
      sum = observer_.add(x, sum, next, [&] { return algebra_.add(x, sum, next); });
    }
    return sum;
  }

  [[nodiscard]] Signal forward_op(const network::BasicExperts<T, T>& op, const Signal& x) {
    if (op.has_router()) ++position_.weight;
    const Signal y = forward_list(op.of, x);
    if (op.has_router() && keeps()) routed_.push_back({x, y});
    return observer_.join(op, x, y, [&] { return algebra_.mean_of(op, x, y); });
  }

  [[nodiscard]] Signal forward_op(const network::BasicResidual<T, T>& op, const Signal& x) {
    const Signal branch = forward_list(op.of, algebra_.into_branch(x));
    auto sum = observer_.join(op, x, branch, [&] { return algebra_.sum(op, x, branch); });
    if (keeps()) shares_.push_back(std::move(sum.share));
    return std::move(sum.signal);
  }

  [[nodiscard]] Signal forward_op(const network::BasicRepeat<T, T>& op, Signal x) {
    for (std::size_t i = 0; i < op.times; ++i) x = forward_list(op.of, std::move(x));
    return x;
  }

  // ---- backward ----------------------------------------------------------------------------------------------------

  [[nodiscard]] Gradient backward_points(const Components& list, Gradient g) {
    for (std::size_t i = list.size(); i-- > 0;) {
      const auto& component = list[i];
      if (!component.point.empty()) record(g);
      if (const auto* repeat = std::get_if<network::BasicRepeat<T, T>>(&component.op)) {
        for (std::size_t j = 0; j < repeat->times; ++j) g = backward_points(repeat->of, std::move(g));
      } else {
        g = before_point(position_.point, [&] {
          if constexpr (Algebra::recomputes) forward_again(component);
          return backward(component, g);
        });
      }
    }
    return g;
  }

  template <class Component>
  void forward_again(const Component& component) {
    position_.weight = starts_.back().weight;
    static_cast<void>(forward(component, algebra_.recalled(std::move(starts_.back().signal))));
    starts_.pop_back();
  }

  template <class Component>
  [[nodiscard]] Gradient backward(const Component& component, const Gradient& g) {
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
    Gradient back =
        observer_.backward(op, x, g, norms, [&](const Signal& read) { return algebra_.backward(op, read, g, norms); });
    for (std::size_t weight = weights_of<Op>; weight-- > 0;) observer_.at_weight(--position_.weight, norms[weight]);
    return back;
  }

  [[nodiscard]] Gradient backward_op(const network::BasicResidual<T, T>& op, const Gradient& g) {
    const auto share = std::move(shares_.back());
    shares_.pop_back();
    const Gradient end = observer_.into(op, [&] { return algebra_.into_branch(op, g, share); });
    const Gradient branch = backward_list(op.of, end);
    return observer_.join_back(op, branch, [&] { return algebra_.sum(op, g, branch, share); });
  }

  [[nodiscard]] Gradient backward_op(const network::BasicRepeat<T, T>& op, Gradient g) {
    for (std::size_t i = 0; i < op.times; ++i) g = backward_list(op.of, std::move(g));
    return g;
  }

  [[nodiscard]] Gradient backward_op(const network::BasicParallel<T, T>& op, const Gradient& g) {
    Gradient sum = backward_list(op.of.back(), g);
    for (std::size_t i = op.of.size() - 1; i-- > 0;) {
      const Gradient next = backward_list(op.of[i], g);
      sum = observer_.add_back(sum, [&] { return algebra_.add(sum, next); });
    }
    return sum;
  }

  [[nodiscard]] Gradient backward_op(const network::BasicExperts<T, T>& op, const Gradient& g) {
    if (!op.has_router())
      return backward_list(op.of, observer_.into(op, [&] { return algebra_.into_experts(op, {}, g); }));
    const Routed at = std::move(routed_.back());
    routed_.pop_back();
    const Gradient by_experts =
        backward_list(op.of, observer_.into(op, [&] { return algebra_.into_experts(op, at.x, g); }));
    SquaredNorms<T> norms;
    const Gradient by_router = observer_.backward(
        op, at.x, g, norms, [&](const Signal& read) { return algebra_.through_router(op, read, at.y, g, norms); });
    observer_.at_weight(--position_.weight, norms[0]);
    return observer_.add_back(by_experts, [&] { return algebra_.add(by_experts, by_router); });
  }

  /// What experts behind a router read, and one expert's output.
  struct Routed {
    Signal x;
    Signal y;
  };

  /// Where the forward pass of an outer component began.
  struct Start {
    Signal signal;
    std::size_t weight;
  };

  Algebra& algebra_;
  Observer& observer_;
  std::deque<Signal> tape_;
  std::vector<typename Algebra::Share> shares_;  ///< of every residual, in forward order
  std::vector<Routed> routed_;
  std::vector<Start> starts_;
  std::vector<T> widths_;  ///< of the signal at every point, for the way back
  const Components* list_ = nullptr;
  bool again_ = false;  ///< the backward pass has begun
  Position position_;   ///< next ones on the way forward, last ones met on the way back
};

/// A whole network; its encoder, if it has one, in an algebra where tokens are all alike, the same
/// one where the body's is such.
template <class Algebra, class Encoder, class Observer, class OfEncoder>
void walk_network(Algebra& algebra, Encoder& of_encoder, Observer& observer, OfEncoder& encoder_observer) {
  const auto& network = algebra.network();
  if (network.encoder.empty()) {
    Walk walk(algebra, observer);
    static_cast<void>(walk.forward(network.body, walk.input()));
    walk.backward(algebra.loss_gradient());
    return;
  }
  Walk encoder(of_encoder, encoder_observer);
  algebra.field().attend_to(encoder.forward(of_encoder.network().encoder, encoder.input()));
  Walk<Algebra, Observer> decoder(algebra, observer, {encoder.position().point, encoder.position().weight});
  static_cast<void>(decoder.forward(network.body, decoder.input()));
  decoder.backward(algebra.loss_gradient());
  encoder.backward(of_encoder.unprojected(algebra.field().memory_gradient()));
}

}  // namespace sigprop::predict
