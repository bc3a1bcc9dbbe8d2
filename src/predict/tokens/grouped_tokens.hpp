// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "predict/tables/activation_moments.hpp"
#include "predict/tokens/causal_attention.hpp"
#include "predict/tokens/cross_attention.hpp"
#include "predict/tokens/token_pairs.hpp"
#include "predict/tokens/unmasked_rows.hpp"
#include "predict/tokens/word_memory.hpp"
#include "predict/walk/algebra.hpp"
#include "predict/walk/alike_tokens.hpp"
#include "predict/walk/anisotropy.hpp"
#include "sigprop/formula/routed_experts.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

/// Activations on tokens of their own means and variances. Throws NotCovered where ActivationPairs
/// does.
class TokenActivations {
 public:
  [[nodiscard]] TokenMoments forward(network::ActivationKind kind, const TokenMoments& x);
  [[nodiscard]] TokenPairs backward(network::ActivationKind kind, const TokenPairs& g, const TokenMoments& x);

  /// Those of tokens that are all alike.
  [[nodiscard]] ActivationMoments<double>& alike() { return moments_; }

 private:
  ActivationMoments<double> moments_;
};

/// A field of tokens that differ, as under a causal mask: a number for every group of tokens and
/// for every pair of groups (token_groups.hpp). A group is one token where attention reads the
/// actual tokens of a prefix, and several where it reads their means. By the theory `full`, in
/// double.
class GroupedTokens : public FollowsAnisotropy<GroupedTokens, double>,
                      public FollowsSizes<GroupedTokens, double, Eigen::ArrayXd> {
 public:
  using Number = double;
  using Sizes = predict::Sizes<Eigen::ArrayXd>;
  using Tokens = Eigen::ArrayXd;
  using Pairs = TokenPairs;
  using Moments = TokenMoments;
  using Signal = SignalOf<Moments, Tokens, double, Anisotropy>;
  using Gradient = GradientOf<Pairs, Tokens>;
  using Norms = SquaredNorms<double>;
  static constexpr bool is_large = true;

  /// tokens: what profiles list of them. rows: what other predictions tabulated.
  GroupedTokens(const network::Lifted<double>& network, Prefix prefix, const profile::TokenLists& tokens,
                std::shared_ptr<RowTables> rows = std::make_shared<RowTables>());
  /// Without a mask. products: of the input's tokens; without them those of one second moment and
  /// product. laws: see drawn_rows(). tokens: what profiles list of them.
  GroupedTokens(const network::Lifted<double>& network, TokenGroups groups, std::optional<Eigen::MatrixXd> products,
                double laws, const profile::TokenLists& tokens);

  [[nodiscard]] static Theory theory() { return Theory::full; }
  [[nodiscard]] static const NoNotes& notes() {
    static constexpr NoNotes none;
    return none;
  }
  [[nodiscard]] TokenActivations& activations() { return activations_; }

  /// Does the input tell apart the words of a sequence?
  [[nodiscard]] bool has_words() const { return products_.has_value(); }

  // ---- numbers of tokens -------------------------------------------------------------------------------------------

  [[nodiscard]] Tokens all(double x) const { return Tokens::Constant(groups_->count(), x); }
  [[nodiscard]] static Tokens ratio(const Tokens& part, const Tokens& whole);
  [[nodiscard]] static Tokens weighted(const Tokens& a, const Tokens& variance_a, const Tokens& b,
                                       const Tokens& variance_b);

  // ---- ends --------------------------------------------------------------------------------------------------------

  [[nodiscard]] Moments source(const formula::Moments<double>& x, double by_position, double batch) const;
  /// Throws NotCovered where it enters at some tokens of a group.
  [[nodiscard]] Pairs loss_gradient(const formula::Gradient<double>& g, const std::vector<std::size_t>& at);
  /// Leaves out pairs of sequences where the gradients of two sequences have nothing in common.
  void recall(Moments& x) const {
    if (!follows_across_) x.covariance.across.resize(0, 0);
  }
  [[nodiscard]] profile::Forward profile_of(const Moments& x, double width, double batch) const;
  [[nodiscard]] profile::Backward profile_of(const Pairs& g, double width, double batch) const;

  // ---- norms -------------------------------------------------------------------------------------------------------

  [[nodiscard]] static Moments normalized(network::NormKind kind, const Moments& x, double /*width*/, double epsilon) {
    return kind == network::NormKind::rms_norm ? formula::rms_norm_forward(x, epsilon)
                                               : formula::layer_norm_forward(x, epsilon);
  }
  /// formula::norm_backward pair by pair; a pair has the means of its tokens' shares.
  [[nodiscard]] Pairs norm_backward(const Pairs& g, const Moments& x, const Tokens& scale, double width,
                                    const formula::NormShares<Tokens>& shares) const;

  // ---- anisotropy --------------------------------------------------------------------------------------------------

  using FollowsAnisotropy<GroupedTokens, double>::anisotropy;
  /// The input's participation: 1/width, and where the walk does not follow words, what it varies
  /// by which of them repeat.
  [[nodiscard]] Anisotropy isotropic(double width) const;
  [[nodiscard]] formula::Moments<double> alike(const Moments& x) const;
  [[nodiscard]] static formula::Gradient<double> alike(const Pairs& x);
  [[nodiscard]] ActivationMoments<double>& alike_activations() { return activations_.alike(); }

  // ---- sizes -------------------------------------------------------------------------------------------------------

  using FollowsSizes<GroupedTokens, double, Tokens>::sizes;
  [[nodiscard]] Sizes source_sizes(const formula::Moments<double>& x, double features) const;
  // ---- routers -----------------------------------------------------------------------------------------------------

  /// Of every pair of tokens x that a router reads.
  [[nodiscard]] static formula::RouterMeans<Pairs> router_means(const network::BasicExperts<double, double>& op,
                                                                const Moments& x);

  // ---- attention ---------------------------------------------------------------------------------------------------

  /// An attention at what it last read: its own tokens, or an encoder's output read by a decoder's
  /// rows.
  struct Attended {
    std::unique_ptr<TokenAttention> rows;
    const UnmaskedRows* over_words = nullptr;              ///< these, where they read an encoder's words
    std::optional<CrossAttention> cross;                   ///< where they read an encoder's tokens that are alike
    TokenPairs x;                                          ///< token products of what it read
    TokenPairs mixed;                                      ///< of the averages that an attention takes over it
    std::optional<formula::AttentionShape<double>> shape;  ///< none before the first
  };

  [[nodiscard]] const Attended& attend(const AttentionOp<double>& op, const Signal& x);
  void measure(const Attended& a, profile::AttentionMetrics& metrics) const;
  [[nodiscard]] Moments heads(const Attended& a) const;
  [[nodiscard]] Anisotropy anisotropy(const Attended& a, const Signal& x) const;
  [[nodiscard]] Sizes sizes(const AttentionOp<double>& op, const Attended& a, const Signal& x) const;
  /// Takes from the norms of the weights' gradients what g is the smaller the larger a row is.
  void follow_sizes(const AttentionOp<double>& op, const Attended& a, const Signal& x, const Gradient& g,
                    Norms& norms) const;
  [[nodiscard]] Pairs backward(const Attended& a, const Signal& x, const Pairs& b, Norms& norms);

  /// An encoder's output, whose tokens are all alike, and the sum of the gradients at it from all
  /// cross-attention so far.
  void attend_to(const AlikeTokens<double>::Signal& memory) { memory_ = memory; }
  [[nodiscard]] const formula::Gradient<double>& memory_gradient() const { return memory_gradient_; }

  /// An encoder's outputs over sequences of words: rows read them all on the mean. participation:
  /// of their centred tokens.
  void attend_to(std::vector<WordMemory> words, double participation);
  /// The sum of the gradients at one of them, if rows read it alone.
  [[nodiscard]] const TokenPairs& memory_gradient(std::size_t sequence) const { return words_[sequence].gradient(); }

 private:
  [[nodiscard]] Eigen::ArrayXd of_whole_groups(const std::function<bool(std::size_t)>& holds) const;
  void put_class_tokens(const network::BasicGivenInput<double>& given, double batch, Moments& x) const;
  [[nodiscard]] CausalTables& tables_of(const AttentionOp<double>& op);
  void attend_to_itself(const AttentionOp<double>& op, const Signal& x);
  [[nodiscard]] std::unique_ptr<TokenAttention> rows_over(const AttentionOp<double>& op, const Eigen::MatrixXd& dots,
                                                          const Shape& shape);
  void set_attended(std::unique_ptr<TokenAttention> rows, Eigen::MatrixXd across, Pairs dots, const Shape& shape);
  void attend_across(const AttentionOp<double>& op, const Signal& x);
  void attend_to_words(const AttentionOp<double>& op, const Signal& x);
  [[nodiscard]] Pairs self_backward(const Attended& a, const Signal& x, const Pairs& b, Norms& norms) const;
  [[nodiscard]] Pairs cross_backward(const Attended& a, const Pairs& b, Norms& norms);
  [[nodiscard]] Pairs words_backward(const Attended& a, const Pairs& b, Norms& norms);
  void set_norms(const Attended& a, const Pairs& b, const Eigen::MatrixXd& query, double key_weight,
                 const std::optional<CrossGradient>& across, Norms& norms) const;
  [[nodiscard]] double fan_of(const formula::AttentionShape<double>& shape) const {
    return shape.heads * shape.head_width;
  }

  const network::Lifted<double>& network_;
  std::optional<Eigen::MatrixXd> products_;  ///< of the input's tokens; none where all are alike
  double laws_ = 1;
  Prefix prefix_;
  profile::TokenLists tokens_;
  std::shared_ptr<const TokenGroups> groups_;  ///< pairs point to it
  bool follows_across_;  ///< pairs of sequences: on the way back only where they have a gradient in common
  TokenActivations activations_;
  struct Kind {
    Head head;
    double rotary_base;  ///< 0 for none
    double rotary_width;

    [[nodiscard]] auto operator<=>(const Kind&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 errs
  };
  std::shared_ptr<RowTables> rows_;
  std::map<Kind, CausalTables> tables_;
  std::map<Head, SoftmaxTable<double>> cross_tables_;
  Attended attended_;  ///< the last one: the way back begins with it
  AlikeTokens<double>::Signal memory_;
  formula::Gradient<double> memory_gradient_;
  std::vector<WordMemory> words_;  ///< an encoder's; empty where its tokens are alike
  double words_participation_ = 0;
  /// Probability that tokens of the input hold the same word, where that varies the sizes of rows.
  std::optional<formula::SameWords<double>> same_words_;
};

/// The profile of a network over this field. Without a summary.
[[nodiscard]] profile::Profile profile_of_groups(const network::Lifted<double>& network,
                                                 const network::Outline& outline, GroupedTokens field);

/// Profiles of a network of two stacks, one for every sequence of words that its encoder reads. The
/// decoder, which reads them on the mean, has the same numbers in all. Without summaries.
[[nodiscard]] std::vector<profile::Profile> profiles_of_two_stacks(const network::Lifted<double>& network,
                                                                   const network::Outline& outline,
                                                                   std::vector<GroupedTokens> encoders,
                                                                   GroupedTokens decoder);

/// Without a mask: class tokens, those at which a gradient enters, and all others; or all of a Gram
/// matrix.
[[nodiscard]] GroupedTokens field_of_special_tokens(const network::Lifted<double>& network,
                                                    const profile::TokenLists& tokens);

}  // namespace sigprop::predict
