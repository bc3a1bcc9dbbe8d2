// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "predict/walk/attention_shape.hpp"
#include "predict/walk/sizes.hpp"
#include "predict/walk/word_match.hpp"
#include "sigprop/formula/dropout.hpp"
#include "sigprop/formula/embedding.hpp"
#include "sigprop/formula/experts.hpp"
#include "sigprop/formula/gated.hpp"
#include "sigprop/formula/linear.hpp"
#include "sigprop/formula/norm.hpp"
#include "sigprop/formula/residual.hpp"
#include "sigprop/formula/routed_experts.hpp"
#include "sigprop/network/lifted.hpp"
#include "sigprop/predict/predict.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::predict {

/// The squared norms of the gradients of one component's weights, in forward order; none where the
/// theory has none.
template <class T>
using SquaredNorms = std::array<std::optional<T>, 4>;

/// The signal on its way through the network. M: its moments, N: a number for every token.
template <class M, class N, class T, class Anisotropy>
struct SignalOf {
  M moments;
  N normalized_share{};   ///< of the variance: what passed a norm and only residual sums since
  T width{};              ///< features
  Anisotropy anisotropy;  ///< of the centred tokens
  Sizes<N> sizes{};       ///< of the tokens, how they vary
};

/// The gradient on its way back. With its two shares a norm leaves out what the norm after it
/// already projected out. P: its products.
template <class P, class N>
struct GradientOf {
  P moments;
  N centred_share{};  ///< of the variance: what is orthogonal to the features' common direction
  N radial_share{};   ///< what is orthogonal to the signal at this point
  N response{};       ///< ℓ: how it follows the size of the signal at this point
};

/// The moments of every component, forward and backward, on one field of tokens. A field says how
/// many numbers describe the tokens of a sequence (AlikeTokens: one a token, three a pair;
/// GroupedTokens:
/// vectors and matrices), and how attention mixes them; the formulas are the same on all.
template <class Field>
class Algebra {
 public:
  using Number = typename Field::Number;
  using T = Number;
  using Tokens = typename Field::Tokens;
  using Moments = typename Field::Moments;
  using Pairs = typename Field::Pairs;
  using Network = network::Lifted<T>;

  /// Signals are so large that a walk keeps only those before the outer components.
  static constexpr bool recomputes = Field::is_large;

  using Signal = typename Field::Signal;
  using Gradient = typename Field::Gradient;

  /// What the way back through a sum must know.
  struct Share {
    Tokens branch;  ///< of the sum's variance
    SumSizes<Tokens> sizes{};
  };
  struct Sum {
    Signal signal;
    Share share;
  };

  Algebra(const Network& network, Field field) : network_(network), field_(std::move(field)) {}

  [[nodiscard]] Field& field() { return field_; }
  [[nodiscard]] const Network& network() const { return network_; }

  // ---- ends --------------------------------------------------------------------------------------------------------

  [[nodiscard]] Signal source() const {
    if (const auto* given = std::get_if<network::BasicGivenInput<T>>(&network_.source)) {
      const T across = given->variance * given->cross_correlation;
      const formula::Moments<T> drawn{given->mean, given->variance, given->variance * given->token_correlation, across};
      return given->is_image() ? with_tables(*given, drawn) : isotropic(drawn, T(0));
    }
    const auto& embedding = std::get<network::BasicEmbedding<T, T>>(network_.source);
    formula::Moments<T> sum{};
    const auto add = [&](const network::BasicTable<T>& table, const T& shared, const T& shared_across) {
      sum = formula::sum(sum, formula::embedding_forward(square(table.std), shared, shared_across));
    };
    if (embedding.token.used) {
      const WordMatch<T> match = word_match(embedding, field_.theory());
      const T shared = notes().noted("P", match.within);
      const T shared_across = notes().noted("P×", match.across);
      add(embedding.token, shared, shared_across);
    }
    if (embedding.position.used) add(embedding.position, T(0), T(1) / length());
    if (embedding.segment.used && embedding.segments == 2)
      add(embedding.segment, T(formula::segment_match), T(formula::segment_match_across));
    if (embedding.segment.used && embedding.segments == 1) add(embedding.segment, T(1), T(1));
    return isotropic(sum, embedding.position.used ? square(embedding.position.std) : T(0));
  }

  [[nodiscard]] Gradient loss_gradient() {
    const T& variance = network_.gradient_variance;
    const bool batched = network_.batch > T(1);
    return unprojected(field_.loss_gradient({variance, variance * network_.gradient_token_correlation,
                                             batched ? T(variance * network_.gradient_cross_correlation) : T(0)},
                                            network_.gradient_tokens));
  }

  [[nodiscard]] profile::Forward profile_of(const Signal& x) const {
    return field_.profile_of(x.moments, x.width, network_.batch);
  }
  [[nodiscard]] profile::Backward profile_of(const Gradient& g, const T& width) const {
    return field_.profile_of(g.moments, width, network_.batch);
  }

  /// A signal kept on the way forward, as the way back needs it.
  [[nodiscard]] Signal recalled(Signal x) const {
    field_.recall(x.moments);
    return x;
  }

  // ---- forward -----------------------------------------------------------------------------------------------------

  [[nodiscard]] Signal forward(const network::BasicLinear<T, T>& op, const Signal& x) const {
    return unnormalized(formula::linear_forward(x.moments, op.in, square(op.weight_std), square(op.bias_std)), op.out,
                        field_.anisotropy(x.anisotropy, op.out), field_.sizes(op, x));
  }

  [[nodiscard]] Signal forward(const network::BasicGatedLinear<T, T>& op, const Signal& x) {
    const GateFactors factors = gate_factors(op, x);
    const Moments open = notes().noted("a", field_.activations().forward(op.activation, factors.gate));
    const Moments y = field_.behind_gate(op.activation, factors.gate, x, formula::gated_forward(open, factors.value));
    return unnormalized(y, op.out, field_.anisotropy(op, x.anisotropy, factors.gate, open, factors.value, y),
                        field_.sizes(op, x, factors.gate));
  }

  [[nodiscard]] Signal forward(const network::Activation& op, const Signal& x) {
    const Moments y = field_.activations().forward(op.kind, x.moments);
    return unnormalized(y, x.width, field_.anisotropy(op, x.anisotropy, x.moments, y, x.width), field_.sizes(op, x));
  }

  [[nodiscard]] Signal forward(const network::BasicDropout<T>& op, const Signal& x) const {
    const Moments y = formula::dropout_forward(x.moments, op.probability);
    return unnormalized(y, x.width, field_.anisotropy(op, x.anisotropy, x.moments, y, x.width), field_.sizes(op, x));
  }

  [[nodiscard]] Signal forward(const network::BasicNorm<T, T>& op, const Signal& x) const {
    return {normalized(op, x.moments, x.sizes.variance), field_.all(1), x.width, x.anisotropy, field_.sizes(op, x)};
  }

  [[nodiscard]] Signal forward(const AttentionOp<T>& op, const Signal& x, profile::AttentionMetrics& metrics) {
    const auto& attended = field_.attend(op, x);
    field_.measure(attended, metrics);
    const auto anisotropy = field_.anisotropy(attended, x);
    return unnormalized(
        formula::linear_forward(normalized_heads(op, attended), fan_of(op), square(op.output_std), square(op.bias_std)),
        x.width, field_.anisotropy(anisotropy, x.width), field_.sizes(op, attended, x));
  }

  /// The mean over the experts that a token passes, from what they read and one expert's output.
  [[nodiscard]] Signal mean_of(const network::BasicExperts<T, T>& op, const Signal& x, const Signal& y) const {
    if (op.has_router()) {
      const Pairs overlap = field_.router_means(op, x.moments).overlap;
      return unnormalized(formula::routed_experts_forward(y.moments, overlap), y.width,
                          field_.anisotropy(op, x.anisotropy, y, overlap), field_.sizes(op, y));
    }
    return unnormalized(formula::experts_forward(y.moments, op.count, op.chosen), y.width,
                        field_.anisotropy(op, x.anisotropy, y), field_.sizes(op, y));
  }

  /// The sum of the outputs of two lists that read x.
  [[nodiscard]] Signal add(const Signal& x, const Signal& a, const Signal& b) const {
    return {formula::sum(a.moments, b.moments),
            field_.weighted(a.normalized_share, variance_of(a), b.normalized_share, variance_of(b)), a.width,
            field_.anisotropy(x.anisotropy, a, b), field_.sizes_of_sum(a, T(1), b, T(1)).sum};
  }

  [[nodiscard]] Sum sum(const network::BasicResidual<T, T>& op, const Signal& x, const Signal& branch) const {
    Signal sum{formula::residual_forward(x.moments, branch.moments, op.skip, op.branch),
               {},
               x.width,
               field_.anisotropy(op, x, branch)};
    const Tokens skip_share = Field::ratio(Tokens(op.skip * op.skip * variance_of(x)), variance_of(sum));
    // Without a skip the sum is the branch alone, scaled.
    sum.normalized_share = op.skip == T(0) ? branch.normalized_share : Tokens(skip_share * x.normalized_share);
    auto sizes = field_.sizes_of_sum(x, op.skip, branch, op.branch);
    sum.sizes = std::move(sizes.sum);
    return {std::move(sum), {field_.all(1) - skip_share, std::move(sizes.back)}};
  }

  /// At the beginning of a branch a signal is a linear map of itself.
  [[nodiscard]] Signal into_branch(Signal x) const {
    Field::begin_branch(x.anisotropy);
    return x;
  }

  // ---- backward: x is what entered the component -------------------------------------------------------------------

  [[nodiscard]] Gradient backward(const network::BasicLinear<T, T>& op, const Signal& x, const Gradient& g,
                                  SquaredNorms<T>& norms) const {
    norms[0] = weight_gradient(x.moments, with_size(g.moments, g.response, x), op.in, op.out);
    return unprojected(formula::linear_backward(g.moments, op.out, square(op.weight_std)), g.response);
  }

  [[nodiscard]] Gradient backward(const network::BasicGatedLinear<T, T>& op, const Signal& x, const Gradient& g,
                                  SquaredNorms<T>& norms) {
    const GateFactors factors = gate_factors(op, x);
    auto& activations = field_.activations();
    const Moments open = notes().noted("a", activations.forward(op.activation, factors.gate));
    const Pairs at_open = notes().noted("a", formula::gated_backward(g.moments, factors.value));
    const auto [gate, value] = field_.before_gate(op.activation, factors.gate, g.response, x.sizes.variance);
    const Pairs at_gate =
        notes().noted("g", times_mean(activations.backward(op.activation, at_open, factors.gate), gate.mean));
    const Pairs at_value = notes().noted("v", times_mean(formula::gated_backward(g.moments, open), value.mean));
    norms[0] = weight_gradient(x.moments, with_size(at_gate, gate.response, x), op.in, op.out);
    norms[1] = weight_gradient(x.moments, with_size(at_value, value.response, x), op.in, op.out);
    return add(unprojected(formula::linear_backward(at_gate, op.out, square(op.gate_std)), gate.response),
               unprojected(formula::linear_backward(at_value, op.out, square(op.weight_std)), value.response));
  }

  [[nodiscard]] Gradient backward(const network::Activation& op, const Signal& x, const Gradient& g, SquaredNorms<T>&) {
    const auto size = field_.before_activation(op.kind, x, g.response);
    return unprojected(times_mean(field_.activations().backward(op.kind, g.moments, x.moments), size.mean),
                       size.response);
  }

  [[nodiscard]] Gradient backward(const network::BasicDropout<T>& op, const Signal&, const Gradient& g,
                                  SquaredNorms<T>&) const {
    return {formula::dropout_backward(g.moments, op.probability), field_.all(0), field_.all(0), g.response};
  }

  [[nodiscard]] Gradient backward(const network::BasicNorm<T, T>& op, const Signal& x, const Gradient& g,
                                  SquaredNorms<T>&) const {
    Gradient in = through_norm(op, x.moments, x.normalized_share, x.sizes.variance, g);
    const auto size = field_.before_norm(op, x.moments, g.response, x.sizes.variance);
    return {times_mean(std::move(in.moments), size.mean), in.centred_share, in.radial_share, size.response};
  }

  [[nodiscard]] Gradient backward(const AttentionOp<T>& op, const Signal& x, const Gradient& g,
                                  SquaredNorms<T>& norms) {
    const auto& attended = field_.attend(op, x);
    const Pairs b = at_heads(op, attended, g.moments);
    norms[3] = weight_gradient(normalized_heads(op, attended), g.moments, fan_of(op), op.width);
    Gradient in = unprojected(field_.backward(attended, x, b, norms));
    if (!op.inner_norm) field_.follow_sizes(op, attended, x, g, norms);
    return in;
  }

  /// The gradient at the outputs of an attention's heads, from that behind its output projection.
  template <class Attended>
  [[nodiscard]] Pairs at_heads(const AttentionOp<T>& op, const Attended& attended, const Pairs& g) {
    Pairs b = notes().noted(op.inner_norm ? "n" : "z", formula::linear_backward(g, op.width, square(op.output_std)));
    if (!op.inner_norm) return b;
    return notes().noted("z", through_norm(inner_norm(op), field_.heads(attended), field_.all(0), sizes_of_heads(op),
                                           unprojected(std::move(b)))
                                  .moments);
  }

  /// The gradient at one expert's output, such that what an expert makes of it is the sum over all
  /// experts. x: what they read.
  [[nodiscard]] Gradient into_experts(const network::BasicExperts<T, T>& op, const Signal& x, const Gradient& g) const {
    if (!op.has_router()) return unprojected(formula::experts_backward(g.moments, op.count, op.chosen));
    return unprojected(formula::routed_experts_backward(g.moments, field_.router_means(op, x.moments).overlap));
  }

  /// What a router adds to the gradient at what it reads. y: one expert's output.
  [[nodiscard]] Gradient through_router(const network::BasicExperts<T, T>& op, const Signal& x, const Signal& y,
                                        const Gradient& g, SquaredNorms<T>& norms) const {
    const Pairs jacobian = field_.router_means(op, x.moments).jacobian;
    const Pairs at_logits = formula::router_gradient(g.moments, y.moments, jacobian, y.width, op.count);
    norms[0] = weight_gradient(x.moments, at_logits, op.width, op.count);
    return unprojected(formula::linear_backward(at_logits, op.count, square(op.router_std)));
  }

  /// The sum of the gradients of two lists that read the same signal.
  [[nodiscard]] Gradient add(const Gradient& a, const Gradient& b) const {
    const Tokens of_a = own(a.moments), of_b = own(b.moments);
    return {formula::sum(a.moments, b.moments), field_.weighted(a.centred_share, of_a, b.centred_share, of_b),
            field_.weighted(a.radial_share, of_a, b.radial_share, of_b),
            field_.response_of_both(a.response, Field::ratio(of_a, Tokens(of_a + of_b)), b.response)};
  }

  /// The gradient that enters the branch at its end.
  [[nodiscard]] Gradient into_branch(const network::BasicResidual<T, T>& op, const Gradient& g,
                                     const Share& share) const {
    return {formula::scaled(g.moments, op.branch), field_.all(0), field_.all(0),
            field_.into_branch(g.response, share.sizes)};
  }

  [[nodiscard]] Gradient sum(const network::BasicResidual<T, T>& op, const Gradient& g, const Gradient& branch,
                             const Share& share) const {
    if (op.skip == T(0)) return {branch.moments, branch.centred_share, branch.radial_share, branch.response};
    const auto before = field_.before_branch(op, g.response, branch.response, share.sizes);
    Pairs sum = formula::residual_backward(g.moments, times_mean(branch.moments, before.mean), op.skip);
    const Tokens skip_share = Field::ratio(Tokens(square(op.skip) * own(g.moments)), own(sum));
    const Tokens radial = network::is_homogeneous(op.of)
                              ? g.radial_share
                              : Tokens(g.radial_share * skip_share * (field_.all(1) - share.branch));
    auto response = field_.response_of_both(field_.beside_branch(g.response, share.sizes), skip_share, before.response);
    return {std::move(sum), g.centred_share * skip_share, radial, std::move(response)};
  }

  /// A gradient of which no norm has projected anything out.
  [[nodiscard]] Gradient unprojected(Pairs g) const { return unprojected(std::move(g), field_.all(0)); }
  [[nodiscard]] Gradient unprojected(Pairs g, Tokens response) const {
    return {std::move(g), field_.all(0), field_.all(0), std::move(response)};
  }

 private:
  [[nodiscard]] const auto& notes() const { return field_.notes(); }
  [[nodiscard]] const T& length() const { return network_.sequence_length; }
  [[nodiscard]] static T square(const T& x) { return x * x; }
  [[nodiscard]] static Tokens root_of(const Tokens& x) {
    using std::sqrt;
    return sqrt(x);
  }
  [[nodiscard]] static Tokens variance_of(const Signal& x) { return own(covariances(x.moments)); }
  /// The width that an attention's output projection reads.
  [[nodiscard]] static T fan_of(const AttentionOp<T>& op) { return op.heads * op.head_width; }

  /// The gradient at a linear map's output as the gradient of its weight, which reads x, has it.
  [[nodiscard]] Pairs with_size(Pairs g, const Tokens& response, const Signal& x) const {
    return times_mean(std::move(g), formula::size_response_of_weights<T>(response, x.sizes.variance));
  }
  /// A gradient that follows the size of a token, times the mean of that and of what it meets.
  [[nodiscard]] Pairs times_mean(Pairs g, const Tokens& mean) const {
    if (field_.all_are(mean, 1)) return g;
    return with_factors(
        std::move(g),
        root_of(notes().given(
            "m", "mean of the product of two factors that follow a token's size, over that of their means", mean)));
  }

  [[nodiscard]] T weight_gradient(const Moments& x, const Pairs& g, const T& fan_in, const T& fan_out) const {
    return formula::weight_gradient(x, g, fan_in, fan_out, network_.batch, length());
  }

  /// A signal that comes from random weights or a mask.
  [[nodiscard]] Signal unnormalized(Moments x, const T& width, const typename Field::Anisotropy& anisotropy,
                                    Sizes<Tokens> sizes) const {
    return {std::move(x), field_.all(0), width, anisotropy, std::move(sizes)};
  }

  /// The mean tokens of an input with class tokens or positions.
  [[nodiscard]] Signal with_tables(const network::BasicGivenInput<T>& given, const formula::Moments<T>& drawn) const {
    const T special(static_cast<double>(given.class_tokens)), tokens = length(), others = tokens - special;
    const T rows = square(given.class_std), positions = given.position.used ? square(given.position.std) : T(0);
    const T pairs = given.class_tokens == 0 ? T(1) : T(others * (others - T(1)) / (tokens * (tokens - T(1))));
    const T by_position = rows * special / tokens + positions;
    const T patches = drawn.variance * others / tokens, all = patches + rows * special / tokens + positions;
    // One map of few pixels embeds all patches: its outputs are no independent features.
    const T few =
        given.pixels == 0 ? T(0) : T(square(formula::share_of(patches, all)) / T(static_cast<double>(given.pixels)));
    return drawn_from({drawn.mean * others / tokens, all, drawn.covariance * pairs,
                       drawn.cross_covariance * square(T(others / tokens)) + by_position / tokens},
                      by_position, T(1) / (T(1) / network_.width + few));
  }

  /// A signal from outside. `by_position`: the variance that tokens of one position have in common.
  [[nodiscard]] Signal isotropic(const formula::Moments<T>& x, const T& by_position) const {
    return drawn_from(x, by_position, network_.width);
  }
  /// features: so many independent ones have its participation.
  [[nodiscard]] Signal drawn_from(const formula::Moments<T>& x, const T& by_position, const T& features) const {
    return unnormalized(field_.source(x, by_position, network_.batch), network_.width, field_.isotropic(features),
                        field_.source_sizes(x, features));
  }

  struct GateFactors {
    Moments gate;  ///< before its activation
    Moments value;
  };

  [[nodiscard]] GateFactors gate_factors(const network::BasicGatedLinear<T, T>& op, const Signal& x) const {
    const T bias = square(op.bias_std);
    return {notes().noted_by_correlation("g", formula::linear_forward(x.moments, op.in, square(op.gate_std), bias)),
            notes().noted("v", formula::linear_forward(x.moments, op.in, square(op.weight_std), bias))};
  }

  [[nodiscard]] static network::BasicNorm<T, T> inner_norm(const AttentionOp<T>& op) {
    return {*op.inner_norm, fan_of(op), op.norm_epsilon};
  }

  [[nodiscard]] Gradient through_norm(const network::BasicNorm<T, T>& norm, const Moments& x,
                                      const Tokens& normalized_share, const Tokens& sizes, const Gradient& g) const {
    if constexpr (requires { field_.paper_norm_backward(g.moments, x); }) {
      if (field_.theory() == Theory::paper && norm.kind == network::NormKind::layer_norm)
        return unprojected(field_.paper_norm_backward(g.moments, x));
    }
    const bool centres = norm.kind == network::NormKind::layer_norm;
    const Tokens one = field_.all(1), variance = centres ? own(covariances(x)) : own(products(x));
    const Tokens scale = variance + norm.epsilon;
    const Tokens visible = norm.epsilon == T(0) ? one : Tokens(notes().noted("w", field_.visible(norm, x)));
    const Tokens hidden = one - visible;
    // RMSNorm neither centres nor projects out the common direction: this c takes both terms away.
    const Tokens centred = centres ? g.centred_share : Tokens(normalized_share + (one - normalized_share) * hidden);
    const Tokens lost = one - hidden * hidden;  // along the norm's output: w (2 - w)
    return {field_.norm_backward(g.moments, x, scale, norm.width,
                                 {normalized_share, centred, g.radial_share, visible, sizes}),
            centres ? one : g.centred_share, lost + (one - lost) * g.radial_share, g.response};
  }

  /// The τ of what an inner norm reads is that of a normal signal.
  [[nodiscard]] Tokens sizes_of_heads(const AttentionOp<T>& op) const { return field_.all(1) * T(T(2) / fan_of(op)); }

  /// sizes: τ of what the norm reads.
  [[nodiscard]] Moments normalized(const network::BasicNorm<T, T>& norm, const Moments& x, const Tokens& sizes) const {
    return field_.behind_norm(norm, x, sizes, field_.normalized(norm.kind, x, norm.width, norm.epsilon));
  }

  template <class Attended>
  [[nodiscard]] Moments normalized_heads(const AttentionOp<T>& op, const Attended& attended) {
    const Moments z = field_.heads(attended);
    return op.inner_norm ? normalized(inner_norm(op), z, sizes_of_heads(op)) : z;
  }

  const Network& network_;
  Field field_;
};

}  // namespace sigprop::predict
