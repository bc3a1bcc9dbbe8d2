// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "predict/tables/chained.hpp"
#include "predict/tables/router_table.hpp"
#include "predict/walk/algebra.hpp"
#include "predict/walk/anisotropy.hpp"
#include "predict/walk/attention_shape.hpp"
#include "predict/walk/quantities.hpp"
#include "predict/walk/sizes.hpp"
#include "sigprop/formula/attention_paper.hpp"

namespace sigprop::predict {

/// Throws NotCovered for more experts than can be tabulated.
template <class T>
void require_covered_router(const network::BasicExperts<T, T>& op) {
  if (scalar::value_of(op.count) > static_cast<double>(most_routed_experts))
    throw NotCovered("a router of more than " + std::to_string(most_routed_experts) +
                     " experts is not covered by this theory yet; lower their number, or leave out router_std");
}

template <class T>
[[nodiscard]] formula::RouterMeans<T> router_means_of(const NoNotes& /*notes*/, const std::array<T, few_arguments>& x,
                                                      network::Router router) {
  return router_means(x, router);
}

/// A field of tokens that are all alike: no mask and no input tells them apart. A mean, and one
/// number for each kind of pair (formula::Moments, formula::Gradient), stand for all of them. T is
/// the type of the numbers; Notes is shown the intermediate results.
template <class T, class Notes = NoNotes>
class AlikeTokens : public FollowsAnisotropy<AlikeTokens<T, Notes>, T>,
                    public FollowsSizes<AlikeTokens<T, Notes>, T, T> {
 public:
  using Number = T;
  using Tokens = T;
  using Pairs = formula::Gradient<T>;
  using Moments = formula::Moments<T>;
  using Anisotropy = formula::Anisotropy<T>;
  using Tables = typename Functionals<T>::Tables;
  using Signal = SignalOf<Moments, T, T, Anisotropy>;
  using Gradient = GradientOf<Pairs, T>;
  static constexpr bool is_large = false;

  AlikeTokens(const network::Lifted<T>& network, Theory theory,
              std::shared_ptr<Tables> tables = std::make_shared<Tables>(), const Notes& notes = {})
      : network_(network), theory_(theory), tables_(std::move(tables)), notes_(notes) {
    if constexpr (requires { activations_.show(notes_); }) activations_.show(notes_);
  }

  [[nodiscard]] Theory theory() const { return theory_; }
  [[nodiscard]] const Notes& notes() const { return notes_; }
  [[nodiscard]] auto& activations() { return activations_; }

  // ---- numbers of tokens -------------------------------------------------------------------------------------------

  [[nodiscard]] static T all(double x) { return T(x); }
  [[nodiscard]] static T ratio(const T& part, const T& whole) { return whole > T(0) ? T(part / whole) : T(0); }
  /// The mean of two shares, weighted by variances.
  [[nodiscard]] static T weighted(const T& a, const T& variance_a, const T& b, const T& variance_b) {
    return ratio(T(a * variance_a + b * variance_b), T(variance_a + variance_b));
  }

  // ---- ends --------------------------------------------------------------------------------------------------------

  [[nodiscard]] static Moments source(const Moments& x, const T& /*by_position*/, const T& /*batch*/) { return x; }
  /// The mean over all tokens of a gradient that enters at some; none: at all.
  [[nodiscard]] Pairs loss_gradient(const Pairs& g, const std::vector<std::size_t>& at) const {
    if (at.empty()) return g;
    const T some(static_cast<double>(at.size())), all = network_.sequence_length;
    const T pairs = at.size() < 2 ? T(0) : T(some * (some - T(1)) / (all * (all - T(1))));
    return {g.variance * some / all, g.covariance * pairs, g.cross_covariance * some * some / (all * all)};
  }
  static void recall(const Moments&) {}

  [[nodiscard]] profile::Forward profile_of(const Moments& x, const T& width, const T& batch) const {
    return forward_of(x, network_.sequence_length, width, batch > T(1));
  }
  [[nodiscard]] profile::Backward profile_of(const Pairs& g, const T& width, const T& batch) const {
    return backward_of(g, T(batch * network_.sequence_length * width), batch > T(1));
  }

  // ---- norms -------------------------------------------------------------------------------------------------------

  [[nodiscard]] Moments normalized(network::NormKind kind, const Moments& x, const T& width, const T& epsilon) const {
    if (kind == network::NormKind::rms_norm) return formula::rms_norm_forward(x, epsilon);
    if (theory_ == Theory::paper) return formula::layer_norm_forward_paper(x, width);
    return formula::layer_norm_forward(x, epsilon);
  }

  [[nodiscard]] static Pairs norm_backward(const Pairs& g, const Moments& x, const T& scale, const T& width,
                                           const formula::NormShares<T>& shares) {
    return formula::norm_backward(g, scale, formula::correlation(x.covariance, x.variance), width, shares);
  }
  [[nodiscard]] static Pairs paper_norm_backward(const Pairs& g, const Moments& x) {
    return formula::layer_norm_backward_paper(g, x);
  }

  // ---- anisotropy --------------------------------------------------------------------------------------------------

  using FollowsAnisotropy<AlikeTokens<T, Notes>, T>::anisotropy;
  [[nodiscard]] static Anisotropy isotropic(const T& width) { return {T(1) / width, T(1)}; }
  [[nodiscard]] static const Moments& alike(const Moments& x) { return x; }
  [[nodiscard]] static const Pairs& alike(const Pairs& x) { return x; }
  [[nodiscard]] auto& alike_activations() { return activations_; }

  // ---- sizes -------------------------------------------------------------------------------------------------------

  using FollowsSizes<AlikeTokens<T, Notes>, T, T>::sizes;
  [[nodiscard]] Sizes<T> source_sizes(const Moments& x, const T& features) const {
    return this->drawn_sizes(x, features);
  }

  // ---- routers -----------------------------------------------------------------------------------------------------

  /// Of every pair of tokens x that a router reads.
  [[nodiscard]] formula::RouterMeans<Pairs> router_means(const network::BasicExperts<T, T>& op,
                                                         const Moments& x) const {
    if (theory_ == Theory::paper)
      throw NotCovered("a router of experts is not covered by the theory 'paper'; use --theory full");
    require_covered_router(op);
    using std::sqrt;
    const Pairs dots = formula::products(x);
    const T deviation = op.router_std * sqrt(T(op.width * dots.variance));
    const auto at = [&](const T& correlation) {
      return router_means_of(notes_, std::array<T, few_arguments>{deviation, correlation, op.count, op.chosen},
                             op.router);
    };
    const auto own = at(T(1)), paired = at(formula::correlation(dots.covariance, dots.variance));
    const auto across = at(formula::correlation(dots.cross_covariance, dots.variance));
    return {{own.overlap, paired.overlap, across.overlap}, {own.jacobian, paired.jacobian, across.jacobian}};
  }

  // ---- attention ---------------------------------------------------------------------------------------------------

  /// What an attention reads, and its softmax functionals there.
  struct Attended {
    bool cross = false;
    Moments rows;
    Moments keys;
    formula::AttentionShape<T> shape;
    formula::ScoreMoments<T> scores;
    formula::SoftmaxMeans<T> softmax;  ///< empty in the paper's theory, which has no functionals
  };

  [[nodiscard]] Attended attend(const AttentionOp<T>& op, const Signal& x) {
    require_covered(op);
    const Signal& read = op.cross ? memory_ : x;
    formula::AttentionShape<T> shape = attention_shape(op, network_.sequence_length, notes_);
    shape.participation = read.anisotropy.participation;
    const auto scores = notes_.noted(formula::attention_scores(x.moments, read.moments, shape));
    return {op.cross, x.moments, read.moments, shape, scores, softmax_of(op, scores)};
  }

  /// The softmax functionals at these scores; none in the paper's theory.
  [[nodiscard]] formula::SoftmaxMeans<T> softmax_of(const AttentionOp<T>& op,
                                                    const formula::ScoreMoments<T>& scores) const {
    if (theory_ == Theory::paper) return {};
    const std::array<T, few_arguments> arguments{scores.variance, scores.correlation, network_.sequence_length,
                                                 size_features(op)};
    return notes_.noted(softmax_means(*tables_, scalar::value_of(network_.sequence_length), head_of(op), arguments));
  }

  void measure(const Attended& a, profile::AttentionMetrics& metrics) const {
    metrics.score_variance = quantity(a.scores.variance);
    if (theory_ == Theory::full) set_entropy(metrics, a.softmax.row.entropy, network_.sequence_length);
  }

  /// The outputs of all heads, before the norm and the projection.
  [[nodiscard]] Moments heads(const Attended& a) const {
    return notes_.noted("z", theory_ == Theory::paper ? formula::attention_paper_forward(a.rows, a.shape)
                                                      : formula::attention_forward(a.rows, a.keys, a.shape, a.softmax));
  }

  [[nodiscard]] static Anisotropy anisotropy(const Attended& a, const Signal& x) {
    return formula::attention_anisotropy(x.moments, x.anisotropy, a.keys, a.shape, a.softmax);
  }

  [[nodiscard]] Sizes<T> sizes(const AttentionOp<T>& op, const Attended& a, const Signal& /*x*/) const {
    if (theory_ == Theory::paper) return {};
    T shared(0);
    if (!op.inner_norm) {
      const T& length = network_.sequence_length;
      const T mean_row = sum_by_token(products(a.keys), length) / length;
      const Moments z = formula::attention_forward(a.rows, a.keys, a.shape, a.softmax);
      shared = formula::share_of(T(a.shape.width * a.shape.value_weight * mean_row),
                                 T(z.second_moment() - a.shape.bias_variance));
    }
    return this->new_sizes(formula::attention_size_variance(shared, op.heads, op.kv_heads, op.head_width, op.width));
  }
  /// Takes from the norms of the weights' gradients what g is the smaller the larger a row is.
  void follow_sizes(const AttentionOp<T>& op, const Attended& a, const Signal& x, const Gradient& g,
                    SquaredNorms<T>& norms) const {
    const T follows = formula::size_response_of_weights<T>(g.response, sizes(op, a, x).variance);
    for (auto& norm : norms) {
      if (norm) *norm = *norm * follows;
    }
  }

  /// The gradient at what the attention reads from that at the heads' outputs, and the norms of the
  /// gradients of query, key and value weights. Cross-attention adds to the encoder's.
  [[nodiscard]] Pairs backward(const Attended& a, const Signal& x, const Pairs& b, SquaredNorms<T>& norms) {
    if (theory_ == Theory::paper) {
      norms[2] =
          formula::weight_gradient(x.moments, formula::attention_paper_value_gradient(b, a.shape), a.shape.width,
                                   T(a.shape.heads * a.shape.head_width), network_.batch, network_.sequence_length);
      return formula::attention_paper_backward(b, a.shape);
    }
    const auto back = notes_.noted(formula::attention_backward(b, a.rows, a.keys, a.shape, a.softmax, network_.batch),
                                   x.moments, a.shape, network_.batch);
    norms = {back.query_weight, back.key_weight, back.value_weight, norms[3]};
    if (!a.cross) return back.input();
    memory_gradient_ = memory_gradient_ + back.keys;
    return back.rows;
  }

  /// The encoder's output, which cross-attention reads.
  void attend_to(const Signal& memory) { memory_ = memory; }
  [[nodiscard]] const Signal& memory() const { return memory_; }
  /// The sum of the gradients at it from all cross-attention so far.
  [[nodiscard]] const Pairs& memory_gradient() const { return memory_gradient_; }

 private:
  void require_covered(const AttentionOp<T>& op) const {
    const bool masked = op.mask == network::Mask::causal && !op.cross;
    if (theory_ == Theory::full && masked) {
      throw NotCovered("a causal mask is not covered where tokens count as exchangeable, as in an encoder");
    }
    if (theory_ == Theory::full) return;
    const auto refuse = [](const char* what) {
      throw NotCovered(std::string(what) + " is not covered by the theory 'paper'; use --theory full");
    };
    if (masked) refuse("a causal mask");
    if (op.cross) refuse("cross-attention");
    if (op.rotary_base) refuse("attention with rotary positions");
    if (op.query_key_norm) refuse("attention with a norm on queries and keys");
    if (op.bias_std != T(0)) refuse("attention with biases");
  }

  const network::Lifted<T>& network_;
  Theory theory_;
  typename Functionals<T>::Activations activations_;
  std::shared_ptr<Tables> tables_;
  Notes notes_;
  Signal memory_;
  Pairs memory_gradient_;
};

/// The algebra of tokens that are all alike.
template <class T, class Notes = NoNotes>
using AlikeAlgebra = Algebra<AlikeTokens<T, Notes>>;

}  // namespace sigprop::predict
