// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "predict/spread/spreading.hpp"

// Hidden layers: a linear map with its activation is one source, on the way forward and back.

namespace sigprop::predict {
namespace {

/// The moments in front of the gate's activation and beside it, of what a gated map reads.
struct Gate {
  using Moments = Spreading::Moments;

  explicit Gate(const network::BasicGatedLinear<double, double>& gated)
      : op(gated), of_gate(square(gated.gate_std)), of_value(square(gated.weight_std)) {}

  [[nodiscard]] Moments gate(const Moments& x) const { return behind(x, of_gate); }
  [[nodiscard]] Moments value(const Moments& x) const { return behind(x, of_value); }
  [[nodiscard]] Neurons neurons(const Moments& x, const std::array<double, 2>& weights, const Modes& modes) const {
    return {op.activation, gate(x), value(x), weights, modes};
  }

  const network::BasicGatedLinear<double, double>& op;
  double of_gate, of_value;  ///< variances of the weights

 private:
  [[nodiscard]] Moments behind(const Moments& x, double weight) const {
    return formula::linear_forward(x, op.in, weight, square(op.bias_std));
  }
};

}  // namespace

Spreading::Signal Spreading::behind_neurons(const Alike::Signal& y, const Deviations& rows,
                                            const Eigen::MatrixXd& slopes, Neurons neurons, double count) {
  Signal out = placed(y);
  out.rows = mapped(slopes, rows);
  out.features = count;
  Hidden hidden{std::make_shared<const Neurons>(std::move(neurons)), {}, 0};
  const NeuronCovariance covariance = hidden.neurons->covariance({1, 0, 0}, count);
  hidden.root = root_of(covariance.topLeftCorner<mode_count, mode_count>());
  hidden.first = append(out.rows, hidden.root);
  hidden_.push_back(std::move(hidden));
  return out;
}

Spreading::Signal Spreading::forward(const network::Activation& op, const Signal& x) {
  auto& activations = alike_.field().activations();
  const auto slopes = derivatives(x.moments, [&](const Moments& moments) -> Eigen::VectorXd {
    return energies(activations.forward(op.kind, moments));
  });
  return behind_neurons(alike_.forward(op, x), without(x.rows, x.fresh), slopes, Neurons(op.kind, x.moments, modes_),
                        x.width);
}

Spreading::Signal Spreading::forward(const network::BasicGatedLinear<T, T>& op, const Signal& x) {
  auto& activations = alike_.field().activations();
  const Gate gate(op);
  const auto slopes = derivatives(x.moments, [&](const Moments& moments) -> Eigen::VectorXd {
    return energies(
        formula::gated_forward(activations.forward(op.activation, gate.gate(moments)), gate.value(moments)));
  });
  return behind_neurons(alike_.forward(op, x), x.rows, slopes,
                        gate.neurons(x.moments, {gate.of_gate, gate.of_value}, modes_), op.out);
}

Spreading::Hidden Spreading::take_hidden() {
  Hidden out = std::move(hidden_.back());
  hidden_.pop_back();
  return out;
}

Deviations Spreading::before_neurons(const Hidden& hidden, const Neurons& neurons, const Deviations& carried,
                                     const Pairs& g, double participation, double count) {
  const NeuronCovariance covariance = neurons.covariance(g, count);
  // What goes back follows what went forward: in the same columns as far as it does.
  const Eigen::Index rank = hidden.root.cols();
  const Eigen::MatrixXd mixed = covariance.bottomLeftCorner<mode_count, mode_count>();
  const Eigen::MatrixXd along = hidden.root.completeOrthogonalDecomposition().solve(mixed.transpose()).transpose();
  Deviations out = widened(carried, std::max(columns_, hidden.first + rank));
  out.middleCols(hidden.first, rank) += along;
  append(out, root_of(covariance.bottomRightCorner<mode_count, mode_count>() - along * along.transpose()));
  if (modes_.inverse_ranks()[2] > 0 && participation > 0) {
    Deviations more = Deviations::Zero(mode_count, 1);
    more(2, 0) = std::sqrt(2 / count * participation);
    append(out, more);
  }
  return out;
}

Spreading::Gradient Spreading::backward(const network::Activation& op, const Signal& x, const Gradient& g,
                                        SquaredNorms<T>& norms) {
  auto& activations = alike_.field().activations();
  const auto by_signal = derivatives(x.moments, [&](const Moments& moments) -> Eigen::VectorXd {
    return modes_.energies(activations.backward(op.kind, g.moments, moments));
  });
  const auto by_gradient = derivatives(g.moments, [&](const Pairs& moments) -> Eigen::VectorXd {
    return modes_.energies(activations.backward(op.kind, moments, x.moments));
  });
  Gradient out = placed(alike_.backward(op, x, g, norms));
  const Deviations read = without(x.rows, x.fresh).topRows(mode_count);
  const Hidden hidden = take_hidden();
  out.rows =
      before_neurons(hidden, *hidden.neurons, sum_of_rows(by_signal * read, by_gradient * without(g.rows, g.fresh)),
                     g.moments, g.participation, x.width);
  out.participation = g.participation;
  return out;
}

Spreading::Gradient Spreading::backward(const network::BasicGatedLinear<T, T>& op, const Signal& x, const Gradient& g,
                                        SquaredNorms<T>& norms) {
  const Hidden hidden = take_hidden();
  const Deviations read = x.rows.topRows(mode_count), entered = without(g.rows, g.fresh);
  auto& activations = alike_.field().activations();
  const Gate gate(op);
  const auto at_gate = [&](const Moments& moments, const Pairs& gradient) {
    return activations.backward(op.activation, formula::gated_backward(gradient, gate.value(moments)),
                                gate.gate(moments));
  };
  const auto at_value = [&](const Moments& moments, const Pairs& gradient) {
    return formula::gated_backward(gradient, activations.forward(op.activation, gate.gate(moments)));
  };
  const auto back = [&](const Moments& moments, const Pairs& gradient) {
    return formula::sum(gate.of_gate * at_gate(moments, gradient), gate.of_value * at_value(moments, gradient));
  };
  const auto rows_of = [&](const auto& f, const Neurons& neurons) {
    const auto by_signal = derivatives(
        x.moments, [&](const Moments& moments) -> Eigen::VectorXd { return modes_.energies(f(moments, g.moments)); });
    const auto by_gradient = derivatives(
        g.moments, [&](const Pairs& gradient) -> Eigen::VectorXd { return modes_.energies(f(x.moments, gradient)); });
    return before_neurons(hidden, neurons, sum_of_rows(by_signal * read, by_gradient * entered), g.moments,
                          g.participation, op.out);
  };
  const auto add_weight = [&](const auto& f, const std::array<double, 2>& weights) {
    weight_rows_.push_back(
        weight_row(energies(x.moments), x.rows, x.anisotropy.participation, modes_.energies(f(x.moments, g.moments)),
                   rows_of(f, gate.neurons(x.moments, weights, modes_)), g.participation + 1 / op.in));
  };
  add_weight(at_gate, {1, 0});
  add_weight(at_value, {0, 1});
  Gradient out = placed(alike_.backward(op, x, g, norms));
  out.participation = g.participation;
  out.rows = rows_of(back, *hidden.neurons);
  append(out.rows, wishart(out.noise, op.in, g.participation));
  return out;
}

}  // namespace sigprop::predict
