// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "simulate/subject.hpp"

namespace sigprop::simulate {

/// Forward then backward over the components of random networks. Every component leaves a step on a
/// tape: a function that turns the gradient at its output into that at its input, and writes down
/// the gradients of its weights. The steps own what they need of the forward pass and are freed one
/// by one on the way back.
///
/// The walk decides what is computed in which order and which random numbers belong to it; an
/// engine computes. CpuEngine shows what an engine offers: signals and weights of its own types,
/// and the operations on them. One engine may work on many replicates at once.
template <class Engine>
class Walk {
 public:
  using Signal = typename Engine::Signal;

  Walk(const Subject& subject, Engine& engine, Policy policy, const std::atomic<bool>* stop)
      : network_(subject.network),
        outline_(subject.outline),
        layout_(subject.layout),
        engine_(engine),
        policy_(policy),
        stop_(stop) {}

  /// Leaves what it measured in the engine. Throws Stopped.
  void run() {
    Tape encoder, body;
    if (!network_.encoder.empty()) {
      memory_ = stack(network_.encoder, encoder);
      memory_gradient_.emplace(engine_.zeros_like(*memory_));
    }
    in_body_ = true;
    const Shared output = stack(network_.body, body);
    Signal g = loss_gradient(static_cast<std::size_t>(output->cols()));
    engine_.see_output(*output, g);
    play(body, g);
    engine_.see_input_gradient(g);
    if (!network_.encoder.empty()) play(encoder, *memory_gradient_);
  }

 private:
  using Weight = std::shared_ptr<const typename Engine::Weight>;
  using Shared = std::shared_ptr<const Signal>;
  using Components = std::vector<network::Component>;
  using Step = std::function<void(Signal& g)>;
  using Tape = std::vector<Step>;

  static constexpr std::uint32_t gradient_tensor = 0;
  static constexpr std::uint32_t common_gradient_tensor = std::numeric_limits<std::uint32_t>::max();
  /// Of the input; a second stack's lies one before.
  static constexpr std::uint32_t common_input_tensor = common_gradient_tensor - 1;

  /// The next number of each kind; a turn that goes forward again starts from the same.
  struct Cursor {
    std::uint32_t tensor = 1;
    std::size_t weight = 0;
    std::size_t point = 0;
    std::uint32_t tied = 0;  ///< how far back the tensors of weights and biases lie: those of the first of tied turns
  };

  [[nodiscard]] static Shared share(Signal&& x) { return std::make_shared<const Signal>(std::move(x)); }

  /// Tokens of these moments. What all sequences have in common is one vector that every token has.
  [[nodiscard]] Signal tokens(std::uint32_t tensor, std::uint32_t common_tensor, std::size_t width,
                              const network::GivenInput& moments) {
    const double variance = moments.variance, common = moments.cross_correlation, own = 1 - common;
    const network::GivenInput apart{.mean = moments.mean,
                                    .variance = own * variance,
                                    .token_correlation = (moments.token_correlation - common) / own,
                                    .gram = moments.gram};
    Signal x = engine_.tokens(tensor, width, apart);
    if (common > 0) engine_.add_bias(common_tensor, std::sqrt(common * variance), x);
    return x;
  }

  [[nodiscard]] Signal loss_gradient(std::size_t width) {
    Signal g = tokens(gradient_tensor, common_gradient_tensor, width,
                      {.variance = network_.gradient_variance,
                       .token_correlation = network_.gradient_token_correlation,
                       .cross_correlation = network_.gradient_cross_correlation});
    if (!network_.gradient_tokens.empty()) engine_.keep_tokens(network_.gradient_tokens, g);
    return g;
  }

  // ---- the tape ----------------------------------------------------------------------------------------------------

  void heed_stop() const {
    if (stop_ != nullptr && stop_->load(std::memory_order_relaxed)) throw Stopped{};
  }

  void play(Tape& tape, Signal& g) {
    for (; !tape.empty(); tape.pop_back()) {
      heed_stop();
      tape.back()(g);
    }
  }

  /// A forward pass whose turn will be computed again leaves no steps: its tape is null.
  static void push(Tape* tape, Step step) {
    if (tape != nullptr) tape->push_back(std::move(step));
  }

  // ---- points ------------------------------------------------------------------------------------------------------

  [[nodiscard]] Shared stack(const Components& body, Tape& tape) {
    Shared x = source();
    for (const network::Component& component : network_.input) x = forward(component, x, nullptr);
    point(*x, &tape);
    return points(body, x, policy_, &tape);
  }

  [[nodiscard]] Shared source() {
    const std::uint32_t tensor = take_tensors(source_tensors);
    const auto* given = std::get_if<network::GivenInput>(&network_.source);
    const std::size_t features = given != nullptr && given->pixels > 0 ? given->pixels : network_.width;
    Signal x = given != nullptr ? tokens(tensor, common_input_tensor - (in_body_ ? 0 : 1), features, *given)
                                : engine_.tokens(tensor, network_.width, std::get<network::Embedding>(network_.source));
    if (given != nullptr && given->pixels > 0) {
      const double std = 1 / std::sqrt(static_cast<double>(given->pixels));
      x = engine_.project(x, engine_.weight(tensor + 3, network_.width, given->pixels, std));
    }
    if (given != nullptr && given->has_tables()) engine_.add_tables(tensor, *given, x);
    if (in_body_) engine_.see_input(x);
    return share(std::move(x));
  }

  void point(const Signal& x, Tape* tape) {
    const std::size_t index = cursor_.point++;
    if (!again_) engine_.measure(x, layout_.forward[index]);
    push(tape, [this, index](Signal& g) { engine_.measure(g, layout_.backward[index]); });
  }

  /// The outer level: here points lie.
  [[nodiscard]] Shared points(const Components& list, Shared x, Policy policy, Tape* tape) {
    for (const network::Component& component : list) {
      if (const auto* repeat = std::get_if<network::Repeat>(&component.op)) {
        for_each_turn(*repeat, [&] {
          x = policy == Policy::keep ? points(repeat->of, x, policy, tape) : turn_to_recompute(repeat->of, x, tape);
        });
      } else {
        x = forward(component, x, tape);
      }
      if (!component.point.empty()) point(*x, tape);
    }
    return x;
  }

  /// Calls turn() as often as the repeat says; tied turns read the first one's weights.
  template <class Turn>
  void for_each_turn(const network::Repeat& repeat, const Turn& turn) {
    const Cursor start = cursor_;
    for (std::size_t i = 0; i < repeat.times; ++i) {
      if (repeat.tied) cursor_.tied = start.tied + cursor_.tensor - start.tensor;
      turn();
    }
    cursor_.tied = start.tied;
  }

  [[nodiscard]] Shared turn_to_recompute(const Components& list, const Shared& x, Tape* tape) {
    const Cursor start = cursor_;
    push(tape, [this, &list, x, start](Signal& g) {
      cursor_ = start;
      again_ = true;
      Tape turn;
      static_cast<void>(points(list, x, Policy::keep, &turn));
      play(turn, g);
    });
    return points(list, x, Policy::keep, nullptr);
  }

  // ---- components --------------------------------------------------------------------------------------------------

  [[nodiscard]] Shared forward(const network::Component& component, const Shared& x, Tape* tape) {
    heed_stop();
    return std::visit([&](const auto& op) { return this->step(op, x, tape); }, component.op);
  }

  [[nodiscard]] std::uint32_t take_tensors(std::uint32_t count) {
    return std::exchange(cursor_.tensor, cursor_.tensor + count);
  }

  /// The number of a component's first weight.
  template <class Op>
  [[nodiscard]] std::size_t take_weights(const Op&) {
    return std::exchange(cursor_.weight, cursor_.weight + network::weight_count<Op>);
  }

  template <class Op>
  [[nodiscard]] Weight weight(std::uint32_t tensor, const Op& op, const network::WeightSlot<Op>& slot) const {
    return std::make_shared<const typename Engine::Weight>(
        engine_.weight(tensor - cursor_.tied, slot.out, slot.in, op.*slot.std));
  }

  [[nodiscard]] Signal affine(const Signal& x, const Weight& w, std::uint32_t bias_tensor, double bias_std) const {
    Signal y = engine_.project(x, *w);
    if (bias_std != 0) engine_.add_bias(bias_tensor - cursor_.tied, bias_std, y);
    return y;
  }

  /// Records the squared norm of the gradient of y = x wᵀ with respect to w; g is the gradient at
  /// y.
  void record_weight_gradient(std::uint32_t tensor, std::size_t weight, const Signal& g, const Signal& x) {
    engine_.record_weight_gradient(tensor, layout_.weights[weight], g, x);
  }

  [[nodiscard]] Shared step(const network::Linear& op, const Shared& x, Tape* tape) {
    const std::uint32_t tensor = take_tensors(2);
    const std::size_t index = take_weights(op);
    const Weight w = weight(tensor, op, network::weight_slots(op).front());
    Shared y = share(affine(*x, w, tensor + 1, op.bias_std));
    push(tape, [=, this](Signal& g) {
      record_weight_gradient(tensor, index, g, *x);
      g = engine_.project_back(g, *w);
    });
    return y;
  }

  [[nodiscard]] Shared step(const network::GatedLinear& op, const Shared& x, Tape* tape) {
    const std::uint32_t tensor = take_tensors(4);
    const std::size_t index = take_weights(op);
    const auto [of_gate, of_in] = network::weight_slots(op);
    const Weight w_gate = weight(tensor, op, of_gate), w_in = weight(tensor + 1, op, of_in);
    auto activated = engine_.activate(op.activation, affine(*x, w_gate, tensor + 2, op.bias_std));
    const Shared b = share(affine(*x, w_in, tensor + 3, op.bias_std));
    const Shared gate = share(std::move(activated.value)), slope = share(std::move(activated.derivative));
    push(tape, [=, this](Signal& g) {
      Signal at_gate = engine_.product(g, *b);
      engine_.multiply(at_gate, *slope);
      engine_.multiply(g, *gate);
      record_weight_gradient(tensor, index, at_gate, *x);
      record_weight_gradient(tensor + 1, index + 1, g, *x);
      Signal back = engine_.project_back(at_gate, *w_gate);
      engine_.add_project_back(g, *w_in, back);
      g = std::move(back);
    });
    return share(engine_.product(*gate, *b));
  }

  [[nodiscard]] Shared step(const network::Activation& op, const Shared& x, Tape* tape) {
    auto activated = engine_.activate(op.kind, *x);
    push(tape, [this, slope = share(std::move(activated.derivative))](Signal& g) { engine_.multiply(g, *slope); });
    return share(std::move(activated.value));
  }

  [[nodiscard]] Shared step(const network::Dropout& op, const Shared& x, Tape* tape) {
    const std::uint32_t tensor = take_tensors(1);
    push(tape, [this, tensor, probability = op.probability](Signal& g) { engine_.drop(tensor, probability, g); });
    return share(engine_.dropped(tensor, op.probability, *x));
  }

  [[nodiscard]] Shared step(const network::Norm& op, const Shared& x, Tape* tape) {
    const auto normalized =
        std::make_shared<const typename Engine::Normalized>(engine_.normalize(op.kind, op.epsilon, *x));
    push(tape, [this, kind = op.kind, normalized](Signal& g) { engine_.normalize_backward(kind, *normalized, g); });
    return Shared(normalized, &normalized->y);
  }

  [[nodiscard]] Shared step(const network::Attention& op, const Shared& x, Tape* tape) {
    const std::uint32_t tensor = take_tensors(9), bias = tensor + 4;
    const std::size_t index = take_weights(op);
    const auto [of_query, of_key, of_value, of_output] = network::weight_slots(op);
    const Shared source = op.cross ? memory_ : x;
    const Weight w_q = weight(tensor, op, of_query), w_k = weight(tensor + 1, op, of_key);
    const Weight w_v = weight(tensor + 2, op, of_value), w_o = weight(tensor + 3, op, of_output);
    const auto turn = [this, base = op.rotary_base, width = op.head_width, rotated = op.rotary_width](bool backward,
                                                                                                      Signal& y) {
      if (base) engine_.rotate(width, rotated, *base, backward, y);
    };
    Signal q = affine(*x, w_q, bias, op.bias_std), k = affine(*source, w_k, bias + 1, op.bias_std);
    const HeadNorm q_norm = normalize_heads(op, q), k_norm = normalize_heads(op, k);
    turn(false, q);
    turn(false, k);
    const Heads heads = heads_of(op, tensor + 8);
    const auto attended = std::make_shared<const typename Engine::Attended>(
        engine_.attend(heads, std::move(q), std::move(k), affine(*source, w_v, bias + 2, op.bias_std),
                       score_slots(op.cross, outline_.weight_indices[index].layer)));
    const auto inner = op.inner_norm ? std::make_shared<const typename Engine::Normalized>(
                                           engine_.normalize(*op.inner_norm, op.norm_epsilon, attended->z))
                                     : nullptr;
    const Shared z = inner ? Shared(inner, &inner->y) : Shared(attended, &attended->z);
    push(tape, [=, this, cross = op.cross, kind = op.inner_norm](Signal& g) {
      record_weight_gradient(tensor + 3, index + 3, g, *z);
      Signal at_heads = engine_.project_back(g, *w_o);
      if (inner) engine_.normalize_backward(*kind, *inner, at_heads);
      auto back = engine_.attend_backward(heads, *attended, at_heads);
      turn(true, back.q);
      turn(true, back.k);
      q_norm.backward(engine_, back.q);
      k_norm.backward(engine_, back.k);
      record_weight_gradient(tensor, index, back.q, *x);
      record_weight_gradient(tensor + 1, index + 1, back.k, *source);
      record_weight_gradient(tensor + 2, index + 2, back.v, *source);
      g = engine_.project_back(back.q, *w_q);
      Signal& at_source = cross ? *memory_gradient_ : g;
      engine_.add_project_back(back.k, *w_k, at_source);
      engine_.add_project_back(back.v, *w_v, at_source);
    });
    return share(affine(*z, w_o, bias + 3, op.bias_std));
  }

  /// The norm of queries or keys, of every head or of all together, where there is one.
  struct HeadNorm {
    network::NormKind kind{};
    std::shared_ptr<const typename Engine::Normalized> forward;

    void backward(Engine& engine, Signal& g) const {
      if (forward) engine.normalize_backward(kind, *forward, g);
    }
  };

  [[nodiscard]] HeadNorm normalize_heads(const network::Attention& op, Signal& x) {
    if (!op.query_key_norm) return {};
    const std::size_t groups = op.query_key_norm_of_all ? 1 : static_cast<std::size_t>(x.cols()) / op.head_width;
    const auto normalized = std::make_shared<const typename Engine::Normalized>(
        engine_.normalize(*op.query_key_norm, op.norm_epsilon, x, groups));
    x = engine_.scaled(1, normalized->y);
    return {*op.query_key_norm, normalized};
  }

  [[nodiscard]] const ScoreSlots& score_slots(bool cross, std::size_t layer) const {
    return *(cross ? layout_.cross_attention : layout_.attention)[layer];
  }

  [[nodiscard]] Shared step(const network::Residual& op, const Shared& x, Tape* tape) {
    auto branch = std::make_shared<Tape>();
    const Shared f = forward_list(op.of, x, tape == nullptr ? nullptr : branch.get());
    push(tape, [this, branch, skip = op.skip, scale = op.branch](Signal& g) {
      Signal into_branch = engine_.scaled(scale, g);
      play(*branch, into_branch);
      g = engine_.combine(skip, g, 1, into_branch);
    });
    return share(engine_.combine(op.skip, *x, op.branch, *f));
  }

  [[nodiscard]] Shared step(const network::Repeat& op, Shared x, Tape* tape) {
    for_each_turn(op, [&] { x = forward_list(op.of, x, tape); });
    return x;
  }

  [[nodiscard]] Shared step(const network::Parallel& op, const Shared& x, Tape* tape) {
    std::vector<std::shared_ptr<Tape>> branches;
    Shared sum;
    for (const Components& list : op.of) {
      branches.push_back(std::make_shared<Tape>());
      const Shared f = forward_list(list, x, tape == nullptr ? nullptr : branches.back().get());
      sum = sum ? share(engine_.combine(1, *sum, 1, *f)) : f;
    }
    push(tape, [this, branches](Signal& g) {
      const Signal at_output = engine_.scaled(1, g);
      for (std::size_t i = branches.size(); i-- > 0;) {
        Signal part = engine_.scaled(1, at_output);
        play(*branches[i], part);
        g = i + 1 == branches.size() ? std::move(part) : engine_.combine(1, g, 1, part);
      }
    });
    return sum;
  }

  /// Every expert sees all tokens; what it says of those that did not choose it is taken away, and
  /// with it their gradient.
  [[nodiscard]] Shared step(const network::Experts& op, const Shared& x, Tape* tape) {
    if (op.has_router()) return routed(op, x, tape);
    const std::uint32_t choices = take_tensors(1);
    const std::size_t first_weight = cursor_.weight;
    const double share_of_one = 1 / static_cast<double>(op.chosen);
    const auto choose = [=, this](std::size_t expert, Signal& y) {
      engine_.choose(choices, {op.count, op.chosen, expert}, y);
    };
    std::vector<std::shared_ptr<Tape>> experts;
    Shared sum;
    for (std::size_t expert = 0; expert < op.count; ++expert) {
      experts.push_back(std::make_shared<Tape>());
      cursor_.weight = first_weight;
      Signal f =
          engine_.scaled(share_of_one, *forward_list(op.of, x, tape == nullptr ? nullptr : experts.back().get()));
      choose(expert, f);
      sum = share(sum ? engine_.combine(1, *sum, 1, f) : std::move(f));
    }
    push(tape, [this, experts, choose, share_of_one](Signal& g) {
      const Signal at_output = engine_.scaled(share_of_one, g);
      for (std::size_t expert = experts.size(); expert-- > 0;) {
        Signal part = engine_.scaled(1, at_output);
        choose(expert, part);
        play(*experts[expert], part);
        g = expert + 1 == experts.size() ? std::move(part) : engine_.combine(1, g, 1, part);
      }
    });
    return sum;
  }

  /// The same with a router's weights, whose gradient needs what every expert says.
  [[nodiscard]] Shared routed(const network::Experts& op, const Shared& x, Tape* tape) {
    const std::uint32_t tensor = take_tensors(1);
    const std::size_t index = cursor_.weight++, first_weight = cursor_.weight;
    const Weight w = weight(tensor, op, network::weight_slots(op).front());
    const Shared logits = share(engine_.project(*x, *w));
    const Shared weights = share(engine_.route(op.router, op.chosen, *logits));
    std::vector<std::shared_ptr<Tape>> experts;
    std::vector<Shared> outputs;
    Shared sum;
    for (std::size_t expert = 0; expert < op.count; ++expert) {
      experts.push_back(std::make_shared<Tape>());
      cursor_.weight = first_weight;
      const Shared y = forward_list(op.of, x, tape == nullptr ? nullptr : experts.back().get());
      if (tape != nullptr) outputs.push_back(y);
      Signal f = engine_.weighed(*weights, expert, *y);
      sum = share(sum ? engine_.combine(1, *sum, 1, f) : std::move(f));
    }
    push(tape, [this, tensor, index, w, x, router = op.router, logits, weights, experts, outputs](Signal& g) {
      const Signal at_output = engine_.scaled(1, g);
      Signal at_logits = engine_.zeros_like(*weights);
      for (std::size_t expert = experts.size(); expert-- > 0;) {
        engine_.put_dots(at_output, *outputs[expert], expert, at_logits);
        Signal part = engine_.weighed(*weights, expert, at_output);
        play(*experts[expert], part);
        g = expert + 1 == experts.size() ? std::move(part) : engine_.combine(1, g, 1, part);
      }
      engine_.route_backward(router, *logits, *weights, at_logits);
      record_weight_gradient(tensor, index, at_logits, *x);
      engine_.add_project_back(at_logits, *w, g);
    });
    return sum;
  }

  [[nodiscard]] Shared forward_list(const Components& list, Shared x, Tape* tape) {
    for (const network::Component& component : list) x = forward(component, x, tape);
    return x;
  }

  const network::Network& network_;
  const network::Outline& outline_;
  const Layout& layout_;
  Engine& engine_;
  const Policy policy_;
  const std::atomic<bool>* const stop_;
  Cursor cursor_;
  bool in_body_ = false;
  bool again_ = false;  ///< the backward pass has begun: forward steps are repetitions
  Shared memory_;       ///< the encoder's output
  std::optional<Signal> memory_gradient_;
};

}  // namespace sigprop::simulate
