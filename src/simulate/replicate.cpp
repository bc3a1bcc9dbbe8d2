// SPDX-License-Identifier: Apache-2.0
#include "simulate/replicate.hpp"

#include <algorithm>

#include "sigprop/network/outline.hpp"
#include "simulate/cpu_engine.hpp"
#include "simulate/walk.hpp"

namespace sigprop::simulate {
namespace {

/// Elements that the components of one list keep on the tape: weights, and every output.
class Holdings {
 public:
  explicit Holdings(const network::Network& network)
      : rows_(network.batch_size() * network.length()), length_(network.length()), batch_(network.batch_size()) {}

  [[nodiscard]] double list(const std::vector<network::Component>& components, double& width) {
    double sum = 0;
    for (const network::Component& component : components)
      sum += std::visit([&](const auto& op) { return this->held(op, width); }, component.op);
    return sum;
  }

  /// The largest single temporary of the backward pass: a weight's gradient or a signal, a few at
  /// once.
  [[nodiscard]] double temporaries() const { return 4 * largest_; }

 private:
  [[nodiscard]] double output(double width) {
    largest_ = std::max(largest_, rows_ * width);
    return rows_ * width;
  }
  [[nodiscard]] double matrix(std::size_t out, std::size_t in) {
    const double size = static_cast<double>(out) * static_cast<double>(in);
    largest_ = std::max(largest_, size);
    return size;
  }
  /// The weights that a component itself has.
  template <class Op>
  [[nodiscard]] double weights(const Op& op) {
    double sum = 0;
    for (const network::WeightSlot<Op>& slot : network::weight_slots(op)) sum += matrix(slot.out, slot.in);
    return sum;
  }
  [[nodiscard]] double held(const network::Linear& op, double& width) {
    width = static_cast<double>(op.out);
    return weights(op) + output(width);
  }
  [[nodiscard]] double held(const network::GatedLinear& op, double& width) {
    width = static_cast<double>(op.out);
    return weights(op) + 4 * output(width);
  }
  [[nodiscard]] double held(const network::Activation&, double& width) { return output(width); }
  [[nodiscard]] double held(const network::Dropout&, double& width) { return output(width); }
  [[nodiscard]] double held(const network::Norm&, double& width) { return output(width); }
  [[nodiscard]] double held(const network::Attention& op, double& width) {
    const std::size_t fan = op.heads * op.head_width, kv_fan = op.kv_heads * op.head_width;
    const double signals =
        (op.query_key_norm ? 3 : 2) * (output(static_cast<double>(fan)) + output(static_cast<double>(kv_fan))) +
        output(width);
    return weights(op) + signals + batch_ * static_cast<double>(op.heads) * length_ * length_;
  }
  [[nodiscard]] double held(const network::Residual& op, double& width) {
    double inner = width;
    const double branch = list(op.of, inner);
    return branch + output(width);
  }
  [[nodiscard]] double held(const network::Repeat& op, double& width) {
    return static_cast<double>(op.times) * list(op.of, width);
  }
  [[nodiscard]] double held(const network::Parallel& op, double& width) {
    double sum = output(width);
    const double before = width;
    for (const std::vector<network::Component>& branch : op.of) {
      width = before;
      sum += list(branch, width);
    }
    return sum;
  }
  [[nodiscard]] double held(const network::Experts& op, double& width) {
    const double one = list(op.of, width);
    const double router = weights(op) + (op.has_router() ? output(static_cast<double>(op.count)) : 0);
    return router + static_cast<double>(op.count) * (one + output(width));
  }

  double rows_;
  double length_;
  double batch_;
  double largest_ = 0;
};

double held_by_stack(Holdings& holdings, const network::Network& network, const std::vector<network::Component>& body,
                     Policy policy) {
  double width = static_cast<double>(network.width), sum = holdings.list(network.input, width), largest_turn = 0;
  for (const network::Component& component : body) {
    const auto* repeat = std::get_if<network::Repeat>(&component.op);
    if (repeat == nullptr || policy == Policy::keep) {
      sum += holdings.list({component}, width);
      continue;
    }
    const double before = width, turn = holdings.list(repeat->of, width);
    largest_turn = std::max(largest_turn, turn);
    sum += static_cast<double>(repeat->times) * network.batch_size() * network.length() * before;
  }
  return sum + largest_turn;
}

}  // namespace

double elements_held(const network::Network& network, Policy policy) {
  Holdings holdings(network);
  double sum = held_by_stack(holdings, network, network.body, policy);
  if (!network.encoder.empty()) sum += held_by_stack(holdings, network, network.encoder, policy);
  return sum + holdings.temporaries();
}

template <class T>
Sample run_replicate(const Subject& subject, const Draw& draw, Team team, Policy policy, const std::atomic<bool>* stop,
                     const Probe<T>* probe) {
  CpuEngine<T> engine(draw, team, tokens_of(subject.network), subject.norm_epsilon, subject.layout.size(), probe);
  Walk<CpuEngine<T>>(subject, engine, policy, stop).run();
  return engine.finish();
}

template Sample run_replicate(const Subject&, const Draw&, Team, Policy, const std::atomic<bool>*, const Probe<float>*);
template Sample run_replicate(const Subject&, const Draw&, Team, Policy, const std::atomic<bool>*,
                              const Probe<double>*);

}  // namespace sigprop::simulate
