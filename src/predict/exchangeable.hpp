// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "predict/attention_shape.hpp"
#include "predict/chained.hpp"
#include "predict/numbers.hpp"
#include "predict/quantities.hpp"
#include "sigprop/formula/attention_paper.hpp"
#include "sigprop/formula/dropout.hpp"
#include "sigprop/formula/embedding.hpp"
#include "sigprop/formula/experts.hpp"
#include "sigprop/formula/gated.hpp"
#include "sigprop/formula/linear.hpp"
#include "sigprop/formula/norm.hpp"
#include "sigprop/formula/participation.hpp"
#include "sigprop/formula/residual.hpp"
#include "sigprop/network/network.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

/// The squared norms of the gradients of one component's weights, in forward order; none where the theory has none.
template <class T>
using SquaredNorms = std::array<std::optional<T>, 4>;

/// What a walk computes with where no mask tells the tokens apart: three moments stand for all of them. T is the numbers' type.
template <class T>
class Exchangeable {
 public:
  using Number = T;
  /// All of the forward pass is kept for the backward pass.
  static constexpr bool recomputes = false;

  /// The signal on its way through the network.
  struct Signal {
    formula::Moments<T> moments;
    T settled{};  ///< share of the variance that passed a norm and only residual sums since
    T width{};
    formula::Anisotropy<T> cloud;  ///< of the centred tokens
  };

  /// The gradient on its way back. Its two shares tell a norm what the norm after it already projected out.
  struct Gradient {
    formula::Gradient<T> moments;
    T centred{};  ///< share of the variance orthogonal to the features' common direction
    T radial{};   ///< share orthogonal to the signal at this place
  };

  struct Sum {
    Signal signal;
    T branch_share;  ///< of its variance
  };

  using Tables = typename Known<T>::Tables;
  Exchangeable(const network::Network& network, Theory theory,
               std::shared_ptr<Tables> tables = std::make_shared<Tables>(), const Numbers<T>& numbers = {})
      : network_(network),
        theory_(theory),
        activations_(Known<T>::activations(numbers)),
        tables_(std::move(tables)),
        number_(numbers) {}

  // ---- ends --------------------------------------------------------------------------------------------------------

  [[nodiscard]] Signal source() const {
    if (const auto* given = std::get_if<network::GivenInput>(&network_.source)) {
      const T variance = number_(given->variance);
      return isotropic({number_(given->mean), variance, variance * number_(given->token_correlation), T(0)});
    }
    const auto& embedding = std::get<network::Embedding>(network_.source);
    T shared(0), across(0);
    if (embedding.token) {
      const bool paper = theory_ == Theory::paper;
      const T vocabulary = number_(embedding.vocabulary);
      const T match = formula::zipf_match(vocabulary);
      shared += paper ? formula::zipf_match_paper(vocabulary) : match;
      across += match;
    }
    if (embedding.position) across += T(1) / length();
    if (embedding.segment) {
      shared += T(formula::segment_match);
      across += T(formula::segment_match_across);
    }
    const T tables(static_cast<double>(embedding.tables()));
    const T alike = number_.noted("P", shared), alike_across = number_.noted("P×", across);
    return isotropic(formula::embedding_forward(tables, square(embedding.std), alike, alike_across));
  }

  [[nodiscard]] Gradient loss_gradient(const Signal&) const {
    const T variance = number_(network_.gradient_variance);
    return {{variance, variance * number_(network_.gradient_token_correlation),
             network_.batch > 1 ? T(variance * number_(network_.gradient_cross_correlation)) : T(0)},
            T(0),
            T(0)};
  }

  [[nodiscard]] profile::Forward profile_of(const Signal& x, const std::size_t& width) const {
    return forward_of(x.moments, length(), number_(width), network_.batch > 1);
  }

  [[nodiscard]] profile::Backward profile_of(const Gradient& g, const std::size_t& width) const {
    return backward_of(g.moments, T(batch() * length() * number_(width)), network_.batch > 1);
  }

  // ---- forward -----------------------------------------------------------------------------------------------------

  [[nodiscard]] Signal forward(const network::Linear& op, const Signal& x) const {
    return fresh(formula::linear_forward(x.moments, number_(op.in), square(op.weight_std), square(op.bias_std)),
                 number_(op.out), formula::linear_anisotropy(x.cloud, number_(op.out)));
  }

  [[nodiscard]] Signal forward(const network::GatedLinear& op, const Signal& x) {
    const GateFactors factors = gate_factors(op, x);
    const formula::Moments<T> open = number_.noted("a", activations_.forward(op.activation, factors.gate));
    const formula::Moments<T> y = formula::gated_forward(open, factors.value);
    const T from_gate = linear_share(op.activation, factors.gate) * factors.value.token_dot();
    const T from_value = open.token_dot() * formula::centred_variance(factors.value);
    const T out = number_(op.out);
    const auto cloud = formula::linear_anisotropy(x.cloud, out);
    return fresh(y, out, formula::featurewise_anisotropy(cloud, share_of(from_gate + from_value, y), out));
  }

  [[nodiscard]] Signal forward(const network::Activation& op, const Signal& x) {
    const formula::Moments<T> y = activations_.forward(op.kind, x.moments);
    const T share = share_of(linear_share(op.kind, x.moments), y);
    return fresh(y, x.width, formula::featurewise_anisotropy(x.cloud, share, x.width));
  }

  [[nodiscard]] Signal forward(const network::Dropout& op, const Signal& x) const {
    const formula::Moments<T> y = formula::dropout_forward(x.moments, number_(op.probability));
    const T share = share_of(formula::centred_variance(x.moments), y);
    return fresh(y, x.width, formula::featurewise_anisotropy(x.cloud, share, x.width));
  }

  [[nodiscard]] Signal forward(const network::Norm& op, const Signal& x) const {
    return {normalized(op.kind, x.moments, number_(op.width)), T(1), x.width, x.cloud};
  }

  [[nodiscard]] Signal forward(const network::Attention& op, const Signal& x, profile::AttentionMetrics& metrics) {
    require_covered(op);
    const formula::AttentionShape<T> shape = shape_of(op, x);
    const formula::Moments<T>& keys = keys_of(op, x).moments;
    const formula::ScoreMoments<T> scores = number_.noted(formula::attention_scores(x.moments, keys, shape));
    const formula::SoftmaxMeans<T> softmax = softmax_of(op, scores);
    metrics.score_variance = quantity(scores.variance);
    if (theory_ == Theory::full) set_entropy(metrics, softmax.row.entropy, length());
    const auto heads = formula::attention_anisotropy(x.moments, x.cloud, keys, shape, softmax);
    return fresh(project(op, head_output(op, x, shape, softmax)), x.width, formula::linear_anisotropy(heads, x.width));
  }

  /// The mean of the experts that a token takes, from what they read and one expert's output.
  [[nodiscard]] Signal mean_of(const network::Experts& op, const Signal& x, const Signal& y) const {
    const T count = number_(op.count), chosen = number_(op.chosen);
    return fresh(formula::experts_forward(y.moments, count, chosen), y.width,
                 formula::experts_anisotropy(x.cloud, y.cloud, y.moments, y.width, count, chosen));
  }

  /// Of two lists that read x.
  [[nodiscard]] static Signal add(const Signal& x, const Signal& a, const Signal& b) {
    const formula::Moments<T> sum = formula::sum(a.moments, b.moments);
    const auto cloud = formula::parallel_anisotropy(x.cloud, a.cloud, formula::centred_variance(a.moments), b.cloud,
                                                    formula::centred_variance(b.moments), a.width);
    return {sum, weighted(a.settled, a.moments.variance, b.settled, b.moments.variance), a.width, cloud};
  }

  [[nodiscard]] Sum sum(const network::Residual& op, const Signal& x, const Signal& branch) const {
    const T skip = number_(op.skip), scale = number_(op.branch);
    const formula::Moments<T> sum = formula::residual_forward(x.moments, branch.moments, skip, scale);
    const T skip_share = sum.variance > T(0) ? T(skip * skip * x.moments.variance / sum.variance) : T(0);
    // Without a skip it is the branch alone, scaled.
    const T settled = op.skip == 0 ? branch.settled : T(skip_share * x.settled);
    const auto cloud =
        formula::residual_anisotropy(x.cloud, T(skip * skip * formula::centred_variance(x.moments)), branch.cloud,
                                     T(scale * scale * formula::centred_variance(branch.moments)), x.width);
    return {{sum, settled, x.width, cloud}, T(1) - skip_share};
  }

  /// At the beginning of a branch a signal is a linear map of itself.
  [[nodiscard]] static Signal into_branch(Signal x) {
    x.cloud.linear = T(1);
    return x;
  }

  // ---- backward: x is what entered the component -------------------------------------------------------------------

  [[nodiscard]] Gradient backward(const network::Linear& op, const Signal& x, const Gradient& g,
                                  SquaredNorms<T>& norms) const {
    const T in = number_(op.in), out = number_(op.out);
    norms[0] = formula::weight_gradient(x.moments, g.moments, in, out, batch(), length());
    return fresh(formula::linear_backward(g.moments, out, square(op.weight_std)));
  }

  [[nodiscard]] Gradient backward(const network::GatedLinear& op, const Signal& x, const Gradient& g,
                                  SquaredNorms<T>& norms) {
    const T in = number_(op.in), out = number_(op.out);
    const GateFactors factors = gate_factors(op, x);
    const formula::Moments<T> open = number_.noted("a", activations_.forward(op.activation, factors.gate));
    const auto at_open = number_.noted("a", formula::gated_backward(g.moments, factors.value));
    const auto at_gate = number_.noted("g", activations_.backward(op.activation, at_open, factors.gate));
    const auto at_value = number_.noted("v", formula::gated_backward(g.moments, open));
    norms[0] = formula::weight_gradient(x.moments, at_gate, in, out, batch(), length());
    norms[1] = formula::weight_gradient(x.moments, at_value, in, out, batch(), length());
    return fresh(formula::sum(formula::linear_backward(at_gate, out, square(op.gate_std)),
                              formula::linear_backward(at_value, out, square(op.weight_std))));
  }

  [[nodiscard]] Gradient backward(const network::Activation& op, const Signal& x, const Gradient& g, SquaredNorms<T>&) {
    return fresh(activations_.backward(op.kind, g.moments, x.moments));
  }

  [[nodiscard]] Gradient backward(const network::Dropout& op, const Signal&, const Gradient& g,
                                  SquaredNorms<T>&) const {
    return fresh(formula::dropout_backward(g.moments, number_(op.probability)));
  }

  [[nodiscard]] Gradient backward(const network::Norm& op, const Signal& x, const Gradient& g, SquaredNorms<T>&) const {
    return through_norm(op.kind, x, number_(op.width), g);
  }

  [[nodiscard]] Gradient backward(const network::Attention& op, const Signal& x, const Gradient& g,
                                  SquaredNorms<T>& norms) {
    const formula::AttentionShape<T> shape = shape_of(op, x);
    const T width = number_(op.width), fan = fan_of(op);
    const formula::Moments<T>& keys = keys_of(op, x).moments;
    const formula::SoftmaxMeans<T> softmax =
        softmax_of(op, number_.noted(formula::attention_scores(x.moments, keys, shape)));
    formula::Gradient<T> b =
        number_.noted(op.inner_norm ? "n" : "z", formula::linear_backward(g.moments, width, square(op.output_std)));
    if (op.inner_norm) {
      const Signal heads = fresh(mixed(x.moments, keys, shape, softmax), fan, x.cloud);
      b = number_.noted("z", through_norm(*op.inner_norm, heads, heads.width, fresh(b)).moments);
    }
    const formula::Moments<T> z = head_output(op, x, shape, softmax);
    norms[3] = formula::weight_gradient(z, g.moments, fan, width, batch(), length());
    if (theory_ == Theory::paper) {
      const auto value = formula::attention_paper_value_gradient(b, shape);
      norms[2] = formula::weight_gradient(x.moments, value, width, fan, batch(), length());
      return fresh(formula::attention_paper_backward(b, shape));
    }
    const auto back = number_.noted(formula::attention_backward(b, x.moments, keys, shape, softmax, batch()), x.moments,
                                    shape, batch());
    norms = {back.query_weight, back.key_weight, back.value_weight, norms[3]};
    if (op.cross) memory_gradient_ = formula::sum(memory_gradient_, back.keys);
    return fresh(op.cross ? back.rows : back.input);
  }

  /// At one expert's output, so that what an expert makes of it is that of all experts.
  [[nodiscard]] Gradient into_experts(const network::Experts& op, const Gradient& g) const {
    return fresh(formula::experts_backward(g.moments, number_(op.count), number_(op.chosen)));
  }

  /// From two lists that read the same signal.
  [[nodiscard]] static Gradient add(const Gradient& a, const Gradient& b) {
    const auto share = [&](const T& of_a, const T& of_b) {
      return weighted(of_a, a.moments.variance, of_b, b.moments.variance);
    };
    return {formula::sum(a.moments, b.moments), share(a.centred, b.centred), share(a.radial, b.radial)};
  }

  // ---- an encoder's output, which cross-attention reads --------------------------------------------------------------

  void attend_to(const Signal& memory) { memory_ = memory; }

  /// What all cross-attention together sent back to it.
  [[nodiscard]] const formula::Gradient<T>& memory_gradient() const { return memory_gradient_; }

  [[nodiscard]] static Gradient fresh(const formula::Gradient<T>& g) { return {g, T(0), T(0)}; }

  /// What enters the branch.
  [[nodiscard]] Gradient into_branch(const network::Residual& op, const Gradient& g) const {
    return fresh(formula::scaled(g.moments, number_(op.branch)));
  }

  [[nodiscard]] Gradient sum(const network::Residual& op, const Gradient& g, const Gradient& branch,
                             const T& branch_share) const {
    const formula::Gradient<T> sum = formula::residual_backward(g.moments, branch.moments, number_(op.skip));
    if (op.skip == 0) return {sum, branch.centred, branch.radial};
    const T skip_share = sum.variance > T(0) ? T(square(op.skip) * g.moments.variance / sum.variance) : T(0);
    const T radial = network::is_homogeneous(op.of) ? g.radial : T(g.radial * skip_share * (T(1) - branch_share));
    return {sum, g.centred * skip_share, radial};
  }

 private:
  [[nodiscard]] T length() const { return number_(network_.sequence_length); }
  [[nodiscard]] T batch() const { return number_(network_.batch); }
  [[nodiscard]] T square(const double& x) const {
    const T number = number_(x);
    return number * number;
  }
  /// What the output projection reads.
  [[nodiscard]] T fan_of(const network::Attention& op) const { return number_(op.heads) * number_(op.head_width); }

  /// The mean of two shares, weighted by variances.
  [[nodiscard]] static T weighted(const T& a, const T& variance_a, const T& b, const T& variance_b) {
    const T sum = variance_a + variance_b;
    return sum > T(0) ? T((a * variance_a + b * variance_b) / sum) : T(0);
  }

  /// A signal fresh from random weights or a mask.
  [[nodiscard]] static Signal fresh(const formula::Moments<T>& x, const T& width, const formula::Anisotropy<T>& cloud) {
    return {x, T(0), width, cloud};
  }

  /// A signal from outside.
  [[nodiscard]] Signal isotropic(const formula::Moments<T>& x) const {
    const T width = number_(network_.width);
    return fresh(x, width, {T(1) / width, T(1)});
  }

  /// The part of an activation's centred variance that is linear in its input.
  [[nodiscard]] T linear_share(network::ActivationKind kind, const formula::Moments<T>& x) {
    const formula::Gradient<T> one{T(1), T(1), T(1)};
    return activations_.backward(kind, one, x).covariance * formula::centred_variance(x);
  }

  [[nodiscard]] static T share_of(const T& part, const formula::Moments<T>& y) {
    return formula::share_of(part, formula::centred_variance(y));
  }

  // ---- gates ---------------------------------------------------------------------------------------------------------

  struct GateFactors {
    formula::Moments<T> gate;  ///< before its activation
    formula::Moments<T> value;
  };

  [[nodiscard]] GateFactors gate_factors(const network::GatedLinear& op, const Signal& x) const {
    const T in = number_(op.in), bias = square(op.bias_std);
    return {number_.noted_by_correlation("g", formula::linear_forward(x.moments, in, square(op.gate_std), bias)),
            number_.noted("v", formula::linear_forward(x.moments, in, square(op.weight_std), bias))};
  }

  // ---- norms -------------------------------------------------------------------------------------------------------

  [[nodiscard]] formula::Moments<T> normalized(network::NormKind kind, const formula::Moments<T>& x,
                                               const T& width) const {
    if (kind == network::NormKind::rms_norm) return formula::rms_norm_forward(x);
    if (theory_ == Theory::paper) return formula::layer_norm_forward_paper(x, width);
    return formula::layer_norm_forward(x);
  }

  [[nodiscard]] Gradient through_norm(network::NormKind kind, const Signal& x, const T& width,
                                      const Gradient& g) const {
    if (theory_ == Theory::paper && kind == network::NormKind::layer_norm) {
      return fresh(formula::layer_norm_backward_paper(g.moments, x.moments));
    }
    const bool centres = kind == network::NormKind::layer_norm;
    // RMSNorm neither centres nor projects out the common direction: c = a takes both terms away.
    const formula::NormShares<T> shares{x.settled, centres ? g.centred : x.settled, g.radial};
    const T scale = centres ? x.moments.variance : x.moments.second_moment();
    const T r = formula::correlation(x.moments.covariance, x.moments.variance);
    return {formula::norm_backward(g.moments, scale, r, width, shares), centres ? T(1) : g.centred, T(1)};
  }

  // ---- attention ---------------------------------------------------------------------------------------------------

  void require_covered(const network::Attention& op) const {
    const bool masked = op.mask == network::Mask::causal && !op.cross;
    if (theory_ == Theory::full && masked) {
      throw NotCovered(
          "a causal mask is not covered where tokens count as exchangeable, as in an encoder or in a scheme that is "
          "solved "
          "by theory");
    }
    if (theory_ == Theory::full) return;
    const auto refuse = [](const char* what) {
      throw NotCovered(std::string(what) + " is not covered by the theory 'paper'; use --theory full");
    };
    if (masked) refuse("a causal mask");
    if (op.cross) refuse("cross-attention");
    if (op.rotary_base) refuse("attention with rotary positions");
    if (op.query_key_norm) refuse("attention with a norm on queries and keys");
    if (op.bias_std != 0) refuse("attention with biases");
  }

  /// What keys and values are made of.
  [[nodiscard]] const Signal& keys_of(const network::Attention& op, const Signal& x) const {
    return op.cross ? memory_ : x;
  }

  [[nodiscard]] formula::AttentionShape<T> shape_of(const network::Attention& op, const Signal& x) const {
    formula::AttentionShape<T> shape = attention_shape<T>(op, network_.sequence_length, number_);
    shape.participation = keys_of(op, x).cloud.participation;
    return shape;
  }

  /// Empty for the paper's theory, which has no functionals and does not read them.
  [[nodiscard]] formula::SoftmaxMeans<T> softmax_of(const network::Attention& op,
                                                    const formula::ScoreMoments<T>& scores) {
    if (theory_ == Theory::paper) return {};
    const std::array<T, few_arguments> arguments{scores.variance, scores.correlation, length(), number_(op.head_width)};
    return number_.noted(softmax_means(*tables_, network_.sequence_length, head_of(op), arguments));
  }

  [[nodiscard]] formula::Moments<T> head_output(const network::Attention& op, const Signal& x,
                                                const formula::AttentionShape<T>& shape,
                                                const formula::SoftmaxMeans<T>& softmax) const {
    const formula::Moments<T> z = mixed(x.moments, keys_of(op, x).moments, shape, softmax);
    return op.inner_norm ? normalized(*op.inner_norm, z, fan_of(op)) : z;
  }

  [[nodiscard]] formula::Moments<T> mixed(const formula::Moments<T>& rows, const formula::Moments<T>& keys,
                                          const formula::AttentionShape<T>& shape,
                                          const formula::SoftmaxMeans<T>& softmax) const {
    return number_.noted("z", theory_ == Theory::paper ? formula::attention_paper_forward(rows, shape)
                                                       : formula::attention_forward(rows, keys, shape, softmax));
  }

  [[nodiscard]] formula::Moments<T> project(const network::Attention& op, const formula::Moments<T>& z) const {
    return formula::linear_forward(z, fan_of(op), square(op.output_std), square(op.bias_std));
  }

  const network::Network& network_;
  Theory theory_;
  typename Known<T>::Activations activations_;
  std::shared_ptr<Tables> tables_;
  Numbers<T> number_;
  Signal memory_;
  formula::Gradient<T> memory_gradient_;
};

}  // namespace sigprop::predict
