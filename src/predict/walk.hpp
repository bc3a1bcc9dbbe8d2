// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "predict/activation_moments.hpp"
#include "predict/softmax_table.hpp"
#include "sigprop/formula/attention_paper.hpp"
#include "sigprop/formula/dropout.hpp"
#include "sigprop/formula/embedding.hpp"
#include "sigprop/formula/linear.hpp"
#include "sigprop/formula/norm.hpp"
#include "sigprop/formula/residual.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

/// The signal on its way through the network.
template <class T>
struct Signal {
  formula::Moments<T> moments;
  T settled{};  ///< share of the variance that passed a norm and only residual sums since
  std::size_t width = 0;
};

/// The gradient on its way back. Its two shares tell a norm what the norm after it already projected out.
template <class T>
struct Backflow {
  formula::Gradient<T> moments;
  T centred{};  ///< share of the variance orthogonal to the features' common direction
  T radial{};   ///< share orthogonal to the signal at this place
};

/// What is recorded at a point of the outline.
template <class T>
struct PointRecord {
  formula::Moments<T> forward;
  formula::Gradient<T> backward;
};

/// What is recorded of a layer's attention.
template <class T>
struct ScoreRecord {
  T variance{};
  std::optional<T> entropy;
};

/// Forward then backward over a network's components, in the numbers of T. The forward pass leaves one frame a component on a
/// tape, the backward pass takes them off again; both visit points and layers in the same order.
template <class T>
class Walk {
 public:
  Walk(const network::Network& network, const network::Outline& outline, Theory theory)
      : network_(network),
        outline_(outline),
        theory_(theory),
        points_(outline.points.size()),
        scores_(outline.layers.size()),
        squared_norms_(outline.layer_of_weight.size()) {}

  void run() {
    Signal<T> signal = enter();
    points_[point_++].forward = signal.moments;
    signal = forward_points(network_.body, signal);
    const T variance(network_.gradient_variance);
    Backflow<T> gradient{{variance, variance * T(network_.gradient_token_correlation), T(0)}, T(0), T(0)};
    gradient = backward_points(network_.body, gradient);
    arrive(gradient);
  }

  /// The signal at the point "input".
  [[nodiscard]] Signal<T> enter() { return forward_list(network_.input, source()); }

  /// What becomes of a signal in a list of its own, whatever was walked before.
  [[nodiscard]] Signal<T> pass(const std::vector<network::Component>& list, const Signal<T>& signal) {
    tape_.clear();
    branch_shares_.clear();
    weight_ = 0;
    return forward_list(list, signal);
  }

  [[nodiscard]] const std::vector<PointRecord<T>>& points() const { return points_; }
  [[nodiscard]] const std::vector<ScoreRecord<T>>& scores() const { return scores_; }  ///< by layer
  /// Of the weights' gradients, in forward order; none where the theory has none.
  [[nodiscard]] const std::vector<std::optional<T>>& squared_norms() const { return squared_norms_; }

 private:
  using Components = std::vector<network::Component>;

  [[nodiscard]] T length() const { return T(network_.sequence_length); }
  [[nodiscard]] T batch() const { return T(network_.batch); }

  [[nodiscard]] Signal<T> source() const {
    if (const auto* given = std::get_if<network::GivenInput>(&network_.source)) {
      const T variance(given->variance);
      return {{T(given->mean), variance, variance * T(given->token_correlation), T(0)}, T(0), network_.width};
    }
    const auto& embedding = std::get<network::Embedding>(network_.source);
    double shared = 0, across = 0;
    if (embedding.token) {
      const bool paper = theory_ == Theory::paper;
      shared += paper ? formula::zipf_match_paper(embedding.vocabulary) : formula::zipf_match(embedding.vocabulary);
      across += formula::zipf_match(embedding.vocabulary);
    }
    if (embedding.position) across += 1 / network_.sequence_length;
    if (embedding.segment) {
      shared += formula::segment_match;
      across += formula::segment_match_across;
    }
    const T tables(static_cast<double>(embedding.tables()));
    return {formula::embedding_forward(tables, square(embedding.std), T(shared), T(across)), T(0), network_.width};
  }

  [[nodiscard]] static T square(double x) { return T(x) * T(x); }

  // ---- forward -----------------------------------------------------------------------------------------------------

  /// The outer level: here points lie.
  [[nodiscard]] Signal<T> forward_points(const Components& list, Signal<T> signal) {
    for (const network::Component& component : list) {
      if (const auto* repeat = std::get_if<network::Repeat>(&component.op)) {
        for (std::size_t turn = 0; turn < repeat->times; ++turn) signal = forward_points(repeat->of, signal);
      } else {
        signal = forward(component, signal);
      }
      if (!component.point.empty()) points_[point_++].forward = signal.moments;
    }
    return signal;
  }

  [[nodiscard]] Signal<T> forward(const network::Component& component, const Signal<T>& x) {
    return std::visit([&](const auto& op) { return this->forward_op(op, x); }, component.op);
  }

  [[nodiscard]] Signal<T> forward_list(const Components& list, Signal<T> signal) {
    for (const network::Component& component : list) signal = forward(component, signal);
    return signal;
  }

  [[nodiscard]] Signal<T> forward_op(const network::Linear& op, const Signal<T>& x) {
    tape_.push_back(x);
    ++weight_;
    return {
        formula::linear_forward(x.moments, T(static_cast<double>(op.in)), square(op.weight_std), square(op.bias_std)),
        T(0), op.out};
  }

  [[nodiscard]] Signal<T> forward_op(const network::GatedLinear&, const Signal<T>&) {
    throw NotCovered("a gated feed-forward network is not covered by this theory yet");
  }

  [[nodiscard]] Signal<T> forward_op(const network::Activation& op, const Signal<T>& x) {
    tape_.push_back(x);
    return {activations_.forward(op.kind, x.moments), T(0), x.width};
  }

  [[nodiscard]] Signal<T> forward_op(const network::Dropout& op, const Signal<T>& x) {
    tape_.push_back(x);
    return {formula::dropout_forward(x.moments, T(op.probability)), T(0), x.width};
  }

  [[nodiscard]] Signal<T> forward_op(const network::Norm& op, const Signal<T>& x) {
    tape_.push_back(x);
    return {normalized(op.kind, x.moments, op.width), T(1), x.width};
  }

  [[nodiscard]] Signal<T> forward_op(const network::Attention& op, const Signal<T>& x) {
    require_covered(op);
    tape_.push_back(x);
    const formula::AttentionShape<T> shape = shape_of(op);
    const formula::ScoreMoments<T> scores = formula::attention_scores(x.moments, shape);
    const formula::SoftmaxMeans<T> softmax = softmax_of(op, scores);
    ScoreRecord<T>& record = scores_[outline_.layer_of_weight[weight_]];
    record.variance = scores.variance;
    if (theory_ == Theory::full) record.entropy = softmax.row.entropy;
    weight_ += attention_weights;
    return {project(op, head_output(op, x.moments, shape, softmax)), T(0), x.width};
  }

  [[nodiscard]] Signal<T> forward_op(const network::Residual& op, const Signal<T>& x) {
    const Signal<T> branch = forward_list(op.of, x);
    const T skip(op.skip), scale(op.branch);
    const formula::Moments<T> sum = formula::residual_forward(x.moments, branch.moments, skip, scale);
    const T skip_share = sum.variance > T(0) ? T(skip * skip * x.moments.variance / sum.variance) : T(0);
    branch_shares_.push_back(T(1) - skip_share);
    if (op.skip == 0) return {sum, branch.settled, x.width};  // the branch alone, scaled
    return {sum, skip_share * x.settled, x.width};
  }

  [[nodiscard]] Signal<T> forward_op(const network::Repeat& op, Signal<T> x) {
    for (std::size_t turn = 0; turn < op.times; ++turn) x = forward_list(op.of, x);
    return x;
  }

  // ---- backward ----------------------------------------------------------------------------------------------------

  void arrive(const Backflow<T>& gradient) { points_[--point_].backward = gradient.moments; }

  void set_weight(const T& squared_norm) { squared_norms_[--weight_] = squared_norm; }

  [[nodiscard]] Backflow<T> backward_points(const Components& list, Backflow<T> g) {
    for (std::size_t i = list.size(); i-- > 0;) {
      const network::Component& component = list[i];
      if (!component.point.empty()) arrive(g);
      if (const auto* repeat = std::get_if<network::Repeat>(&component.op)) {
        for (std::size_t turn = 0; turn < repeat->times; ++turn) g = backward_points(repeat->of, g);
      } else {
        g = backward(component, g);
      }
    }
    return g;
  }

  [[nodiscard]] Backflow<T> backward(const network::Component& component, const Backflow<T>& g) {
    return std::visit([&](const auto& op) { return this->backward_op(op, g); }, component.op);
  }

  [[nodiscard]] Backflow<T> backward_list(const Components& list, Backflow<T> g) {
    for (std::size_t i = list.size(); i-- > 0;) g = backward(list[i], g);
    return g;
  }

  [[nodiscard]] Signal<T> take() {
    const Signal<T> x = std::move(tape_.back());
    tape_.pop_back();
    return x;
  }

  /// A gradient fresh from random weights or a mask.
  [[nodiscard]] static Backflow<T> fresh(const formula::Gradient<T>& g) { return {g, T(0), T(0)}; }

  [[nodiscard]] Backflow<T> backward_op(const network::Linear& op, const Backflow<T>& g) {
    const Signal<T> x = take();
    const T in(static_cast<double>(op.in)), out(static_cast<double>(op.out));
    set_weight(formula::weight_gradient(x.moments, g.moments, in, out, batch(), length()));
    return fresh(formula::linear_backward(g.moments, out, square(op.weight_std)));
  }

  [[nodiscard]] Backflow<T> backward_op(const network::GatedLinear&, const Backflow<T>& g) { return g; }

  [[nodiscard]] Backflow<T> backward_op(const network::Activation& op, const Backflow<T>& g) {
    return fresh(activations_.backward(op.kind, g.moments, take().moments));
  }

  [[nodiscard]] Backflow<T> backward_op(const network::Dropout& op, const Backflow<T>& g) {
    tape_.pop_back();
    return fresh(formula::dropout_backward(g.moments, T(op.probability)));
  }

  [[nodiscard]] Backflow<T> backward_op(const network::Norm& op, const Backflow<T>& g) {
    return through_norm(op.kind, take(), op.width, g);
  }

  [[nodiscard]] Backflow<T> backward_op(const network::Attention& op, const Backflow<T>& g) {
    const Signal<T> x = take();
    const formula::AttentionShape<T> shape = shape_of(op);
    const T width(static_cast<double>(op.width));
    const T fan(static_cast<double>(op.heads * op.head_width));
    const formula::SoftmaxMeans<T> softmax = softmax_of(op, formula::attention_scores(x.moments, shape));
    formula::Gradient<T> b = formula::linear_backward(g.moments, width, square(op.output_std));
    if (op.inner_norm) {
      const Signal<T> heads{mixed(x.moments, shape, softmax), T(0), op.heads * op.head_width};
      b = through_norm(*op.inner_norm, heads, heads.width, fresh(b)).moments;
    }
    const formula::Moments<T> z = head_output(op, x.moments, shape, softmax);
    const T output = formula::weight_gradient(z, g.moments, fan, width, batch(), length());
    if (theory_ == Theory::paper) {
      set_weight(output);
      const auto value = formula::attention_paper_value_gradient(b, shape);
      set_weight(formula::weight_gradient(x.moments, value, width, fan, batch(), length()));
      weight_ -= 2;  // key and query
      return fresh(formula::attention_paper_backward(b, shape));
    }
    const formula::AttentionGradient<T> back = formula::attention_backward(b, x.moments, shape, softmax, batch());
    for (const T& squared_norm : {output, back.value_weight, back.key_weight, back.query_weight})
      set_weight(squared_norm);
    return fresh(back.input);
  }

  [[nodiscard]] Backflow<T> backward_op(const network::Residual& op, const Backflow<T>& g) {
    const T branch_share = branch_shares_.back();
    branch_shares_.pop_back();
    const Backflow<T> branch = backward_list(op.of, fresh(formula::scaled(g.moments, T(op.branch))));
    const formula::Gradient<T> sum = formula::residual_backward(g.moments, branch.moments, T(op.skip));
    if (op.skip == 0) return {sum, branch.centred, branch.radial};
    const T skip_share = sum.variance > T(0) ? T(square(op.skip) * g.moments.variance / sum.variance) : T(0);
    const T radial = network::is_homogeneous(op.of) ? g.radial : T(g.radial * skip_share * (T(1) - branch_share));
    return {sum, g.centred * skip_share, radial};
  }

  [[nodiscard]] Backflow<T> backward_op(const network::Repeat& op, Backflow<T> g) {
    for (std::size_t turn = 0; turn < op.times; ++turn) g = backward_list(op.of, g);
    return g;
  }

  // ---- norms -------------------------------------------------------------------------------------------------------

  [[nodiscard]] formula::Moments<T> normalized(network::NormKind kind, const formula::Moments<T>& x,
                                               std::size_t width) const {
    if (kind == network::NormKind::rms_norm) return formula::rms_norm_forward(x);
    if (theory_ == Theory::paper) return formula::layer_norm_forward_paper(x, T(static_cast<double>(width)));
    return formula::layer_norm_forward(x);
  }

  [[nodiscard]] Backflow<T> through_norm(network::NormKind kind, const Signal<T>& x, std::size_t width,
                                         const Backflow<T>& g) const {
    if (theory_ == Theory::paper && kind == network::NormKind::layer_norm) {
      return fresh(formula::layer_norm_backward_paper(g.moments, x.moments));
    }
    const bool centres = kind == network::NormKind::layer_norm;
    // RMSNorm neither centres nor projects out the common direction: c = a takes both terms away.
    const formula::NormShares<T> shares{x.settled, centres ? g.centred : x.settled, g.radial};
    const T scale = centres ? x.moments.variance : x.moments.second_moment();
    const T r = formula::correlation(x.moments.covariance, x.moments.variance);
    return {formula::norm_backward(g.moments, scale, r, T(static_cast<double>(width)), shares),
            centres ? T(1) : g.centred, T(1)};
  }

  // ---- attention ---------------------------------------------------------------------------------------------------

  void require_covered(const network::Attention& op) const {
    const auto refuse = [](const std::string& what) { throw NotCovered(what + " is not covered by this theory yet"); };
    if (op.mask == network::Mask::causal) refuse("a causal mask");
    if (op.cross) refuse("cross-attention");
    if (op.kv_heads != op.heads) refuse("grouped-query attention (kv_heads below heads)");
    if (op.rotary_base) refuse("attention with rotary positions");
    if (theory_ == Theory::paper && op.bias_std != 0)
      throw NotCovered("attention with biases is not covered by the theory 'paper'; use --theory full");
  }

  [[nodiscard]] formula::AttentionShape<T> shape_of(const network::Attention& op) const {
    const T k(static_cast<double>(op.head_width));
    return {length(),
            T(static_cast<double>(op.width)),
            T(static_cast<double>(op.heads)),
            k,
            square(op.query_std),
            square(op.key_std),
            square(op.value_std),
            square(op.bias_std),
            T(op.dropout),
            T(k * square(op.score_scale))};
  }

  /// Empty for the paper's theory, which has no functionals and does not read them.
  [[nodiscard]] formula::SoftmaxMeans<T> softmax_of(const network::Attention& op,
                                                    const formula::ScoreMoments<T>& scores) {
    if (theory_ == Theory::paper) return {};
    using Table = SoftmaxTable<T>;
    using Node = typename Table::Node;
    const auto made =
        tables_.try_emplace(op.head_width, Node(network_.sequence_length), Node(static_cast<double>(op.head_width)));
    return made.first->second(scores.variance, scores.correlation);
  }

  /// What the output projection reads.
  [[nodiscard]] formula::Moments<T> head_output(const network::Attention& op, const formula::Moments<T>& x,
                                                const formula::AttentionShape<T>& shape,
                                                const formula::SoftmaxMeans<T>& softmax) const {
    const formula::Moments<T> z = mixed(x, shape, softmax);
    return op.inner_norm ? normalized(*op.inner_norm, z, op.heads * op.head_width) : z;
  }

  [[nodiscard]] formula::Moments<T> mixed(const formula::Moments<T>& x, const formula::AttentionShape<T>& shape,
                                          const formula::SoftmaxMeans<T>& softmax) const {
    return theory_ == Theory::paper ? formula::attention_paper_forward(x, shape)
                                    : formula::attention_forward(x, shape, softmax);
  }

  [[nodiscard]] static formula::Moments<T> project(const network::Attention& op, const formula::Moments<T>& z) {
    return formula::linear_forward(z, T(static_cast<double>(op.heads * op.head_width)), square(op.output_std),
                                   square(op.bias_std));
  }

  static constexpr std::size_t attention_weights = 4;  // query, key, value, output

  const network::Network& network_;
  const network::Outline& outline_;
  Theory theory_;
  ActivationMoments<T> activations_;
  std::map<std::size_t, SoftmaxTable<T>> tables_;
  std::vector<Signal<T>> tape_;
  std::vector<T> branch_shares_;  ///< of every residual's variance, in forward order
  std::vector<PointRecord<T>> points_;
  std::vector<ScoreRecord<T>> scores_;
  std::vector<std::optional<T>> squared_norms_;
  std::size_t point_ = 0;   ///< next point on the way forward, last one met on the way back
  std::size_t weight_ = 0;  ///< likewise
};

}  // namespace sigprop::predict
