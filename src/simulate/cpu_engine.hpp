// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "simulate/activation.hpp"
#include "simulate/attention.hpp"
#include "simulate/measure.hpp"
#include "simulate/norm.hpp"
#include "simulate/product.hpp"
#include "simulate/replicate.hpp"
#include "simulate/route.hpp"
#include "simulate/source.hpp"

namespace sigprop::simulate {

/// The operations of a Walk on the CPU, for one replicate.
template <class T>
class CpuEngine {
 public:
  using Signal = Matrix<T>;
  using Weight = Matrix<T>;
  using Normalized = simulate::Normalized<T>;
  using Activated = Slope<Matrix<T>>;

  struct Attended {
    Matrix<T> q, k, v;
    Matrix<T> probabilities;
    Matrix<T> z;
  };

  CpuEngine(const Draw& draw, Team team, Tokens tokens, double norm_epsilon, std::size_t sample_size,
            const Probe<T>* probe = nullptr)
      : draw_(draw), team_(team), probe_(probe), tokens_(tokens), norm_epsilon_(norm_epsilon), sample_(sample_size) {}

  [[nodiscard]] Sample finish() { return std::move(sample_); }

  // ---- drawn ---------------------------------------------------------------------------------------------------------

  [[nodiscard]] Matrix<T> tokens(std::uint32_t tensor, std::size_t width, const network::GivenInput& moments) const {
    return correlated_tokens<T>(team_, draw_, tensor, tokens_, index(width), moments);
  }

  [[nodiscard]] Matrix<T> tokens(std::uint32_t tensor, std::size_t width, const network::Embedding& embedding) const {
    return embedded_tokens<T>(draw_, tensor, tokens_, index(width), embedding);
  }

  void add_tables(std::uint32_t tensor, const network::GivenInput& input, Matrix<T>& x) const {
    simulate::add_tables(draw_, tensor, tokens_, input, x);
  }

  void keep_tokens(const std::vector<std::size_t>& kept, Matrix<T>& x) const {
    simulate::keep_tokens(kept, tokens_, x);
  }

  [[nodiscard]] Matrix<T> weight(std::uint32_t tensor, std::size_t out, std::size_t in, double std) const {
    Matrix<T> w = draw_.normal_matrix<T>(team_, tensor, index(out), index(in), std);
    if (probe_ != nullptr && probe_->weight) probe_->weight(tensor, w);
    return w;
  }

  void add_bias(std::uint32_t tensor, double std, Matrix<T>& y) const {
    const Matrix<T> bias = draw_.normal_matrix<T>(team_, tensor, 1, y.cols(), std);
    y.rowwise() += bias.row(0);
  }

  void drop(std::uint32_t tensor, double probability, Matrix<T>& x) const {
    for_rows(team_, x.rows(), [&](Eigen::Index first, Eigen::Index count) {
      draw_.drop(tensor, static_cast<std::uint64_t>(first * x.cols()), probability, x.row(first).data(),
                 count * x.cols());
    });
  }

  [[nodiscard]] Matrix<T> dropped(std::uint32_t tensor, double probability, Matrix<T> x) const {
    drop(tensor, probability, x);
    return x;
  }

  /// Leaves the rows of the tokens that take the expert, the others become 0.
  void choose(std::uint32_t tensor, const Expert& expert, Matrix<T>& x) const {
    for_rows(team_, x.rows(), [&](Eigen::Index first, Eigen::Index count) {
      for (Eigen::Index row = first; row < first + count; ++row) {
        const auto at = static_cast<std::uint64_t>(row) * expert.count;
        if (!takes(expert, [&](std::size_t e) { return draw_.uniform(tensor, at + e); })) x.row(row).setZero();
      }
    });
  }

  // ---- routers -------------------------------------------------------------------------------------------------------

  /// The weights of every token's experts, those of its `chosen` largest logits; 0 for the others.
  [[nodiscard]] Matrix<T> route(network::Router router, std::size_t chosen, const Matrix<T>& logits) const {
    return simulate::route(team_, router, chosen, logits);
  }

  /// The gradient at the logits from that at the weights.
  void route_backward(network::Router router, const Matrix<T>& logits, const Matrix<T>& weights, Matrix<T>& g) const {
    simulate::route_backward(team_, router, logits, weights, g);
  }

  /// y with every token's row times its weight of the expert.
  [[nodiscard]] Matrix<T> weighed(const Matrix<T>& weights, std::size_t expert, const Matrix<T>& y) const {
    return simulate::weighed(team_, weights, index(expert), y);
  }

  /// Writes the product of every token's rows of a and b into the expert's column.
  void put_dots(const Matrix<T>& a, const Matrix<T>& b, std::size_t expert, Matrix<T>& into) const {
    simulate::put_dots(team_, a, b, index(expert), into);
  }

  // ---- linear maps ---------------------------------------------------------------------------------------------------

  [[nodiscard]] Matrix<T> project(const Matrix<T>& x, const Matrix<T>& w) const {
    return times_transposed(team_, x, w);
  }

  [[nodiscard]] Matrix<T> project_back(const Matrix<T>& g, const Matrix<T>& w) const { return times(team_, g, w); }

  void add_project_back(const Matrix<T>& g, const Matrix<T>& w, Matrix<T>& into) const { into += times(team_, g, w); }

  void record_weight_gradient(std::uint32_t tensor, std::size_t place, const Matrix<T>& g, const Matrix<T>& x) {
    const Matrix<T> gradient = transposed_times(team_, g, x);
    if (probe_ != nullptr && probe_->weight_gradient) probe_->weight_gradient(tensor, gradient);
    sample_[place] += squared_norm(team_, gradient);
  }

  // ---- elementwise ---------------------------------------------------------------------------------------------------

  [[nodiscard]] Matrix<T> zeros_like(const Matrix<T>& x) const { return Matrix<T>::Zero(x.rows(), x.cols()); }
  [[nodiscard]] Matrix<T> product(const Matrix<T>& a, const Matrix<T>& b) const { return a.cwiseProduct(b); }

  void multiply(Matrix<T>& g, const Matrix<T>& by) const {
    for_rows(team_, g.rows(), [&](Eigen::Index first, Eigen::Index count) {
      g.middleRows(first, count).array() *= by.middleRows(first, count).array();
    });
  }

  /// skip · x + branch · f.
  [[nodiscard]] Matrix<T> combine(double skip, const Matrix<T>& x, double branch, const Matrix<T>& f) const {
    return static_cast<T>(skip) * x + static_cast<T>(branch) * f;
  }

  [[nodiscard]] Matrix<T> scaled(double factor, const Matrix<T>& g) const { return static_cast<T>(factor) * g; }

  [[nodiscard]] Activated activate(network::ActivationKind kind, const Matrix<T>& x) const {
    return simulate::activate(team_, kind, x);
  }

  /// epsilon: the norm's own; 0 takes the one that is set for all.
  [[nodiscard]] Normalized normalize(network::NormKind kind, double epsilon, const Matrix<T>& x,
                                     std::size_t parts = 1) const {
    return simulate::normalize(team_, kind, epsilon > 0 ? epsilon : norm_epsilon_, x, index(parts));
  }

  void normalize_backward(network::NormKind kind, const Normalized& forward, Matrix<T>& g) const {
    simulate::normalize_backward(team_, kind, forward.y, forward.inverse_scale, g);
  }

  // ---- attention -----------------------------------------------------------------------------------------------------

  void rotate(std::size_t head_width, std::size_t rotated, double base, bool backward, Matrix<T>& x) const {
    simulate::rotate(team_, tokens_, index(head_width), index(rotated), base, backward, x);
  }

  [[nodiscard]] Attended attend(const Heads& heads, Matrix<T>&& q, Matrix<T>&& k, Matrix<T>&& v,
                                const ScoreSlots& slots) {
    HeadsResult<T> result = simulate::attend(team_, draw_, heads, tokens_, q, k, v);
    sample_[slots.begin] = result.scores.variance;
    sample_[slots.begin + 1] = result.scores.entropy;
    return {std::move(q), std::move(k), std::move(v), std::move(result.probabilities), std::move(result.z)};
  }

  [[nodiscard]] HeadsGradient<T> attend_backward(const Heads& heads, const Attended& forward,
                                                 const Matrix<T>& gz) const {
    return simulate::attend_backward(team_, draw_, heads, tokens_, forward.q, forward.k, forward.v,
                                     forward.probabilities, gz);
  }

  // ---- what is looked at ---------------------------------------------------------------------------------------------

  void measure(const Matrix<T>& x, const SignalSlots& slots) { simulate::measure(team_, tokens_, x, slots, sample_); }

  void see_input(Matrix<T>& x) const {
    if (probe_ != nullptr && probe_->input) probe_->input(x);
  }
  void see_output(const Matrix<T>& y, const Matrix<T>& g) const {
    if (probe_ != nullptr && probe_->output) probe_->output(y, g);
  }
  void see_input_gradient(const Matrix<T>& g) const {
    if (probe_ != nullptr && probe_->input_gradient) probe_->input_gradient(g);
  }

 private:
  [[nodiscard]] static Eigen::Index index(std::size_t n) { return static_cast<Eigen::Index>(n); }

  const Draw& draw_;
  const Team team_;
  const Probe<T>* const probe_;
  const Tokens tokens_;
  const double norm_epsilon_;
  Sample sample_;
};

}  // namespace sigprop::simulate
