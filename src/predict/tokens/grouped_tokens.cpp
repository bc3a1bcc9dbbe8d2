// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/grouped_tokens.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "predict/tokens/activation_pairs.hpp"
#include "predict/tokens/gram_rank.hpp"
#include "predict/tokens/symmetric.hpp"
#include "predict/walk/word_match.hpp"
#include "scalar/blas_threads.hpp"

namespace sigprop::predict {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;

profile::Ends ends_of(const TokenGroups& groups, const MatrixXd& products) {
  const Index first = groups.first(), last = groups.last();
  return {quantity(products(first, first)), quantity(products(last, last))};
}

std::vector<profile::Quantity> by_token(const TokenGroups& groups, const MatrixXd& products) {
  std::vector<profile::Quantity> out;
  for (const double value : groups.spread(products.diagonal())) out.push_back(quantity(value));
  return out;
}

std::vector<profile::Quantity> gram_of(const TokenGroups& groups, const MatrixXd& products,
                                       const std::vector<std::size_t>& tokens) {
  std::vector<profile::Quantity> out;
  for (auto row = tokens.begin(); row != tokens.end(); ++row) {
    for (auto column = tokens.begin(); column <= row; ++column)
      out.push_back(quantity(groups.of_pair(products, static_cast<double>(*row), static_cast<double>(*column))));
  }
  return out;
}

/// None where there are no words, or where the walk follows them.
std::optional<formula::SameWords<double>> same_words_of(const network::Lifted<double>& network) {
  const auto* embedding = std::get_if<network::BasicEmbedding<double, double>>(&network.source);
  if (embedding == nullptr || !embedding->token.used || !(embedding->token.std > 0)) return std::nullopt;
  const double match = word_match(*embedding, Theory::full).within;
  if (embedding->text)
    return {{match, network::match_of_three(*embedding->text, static_cast<std::size_t>(network.sequence_length))}};
  return {{match, network::match_of_three(embedding->vocabulary, embedding->exponent)}};
}

/// What a row's mean weights make of the tokens.
double mean_row(const RowScores& scores, Index g) {
  if (scores.values.all.size() == 0) return scores.groups.total(scores.x) / std::pow(scores.groups.tokens(), 2);
  return scores.values.all[g] / std::pow(scores.groups.middle(g), 2);
}

}  // namespace

// ---- activations -----------------------------------------------------------------------------------------------------

TokenMoments TokenActivations::forward(network::ActivationKind kind, const TokenMoments& x) {
  ActivationPairs pairs(moments_, kind, x.mean, own(x.covariance));
  TokenMoments y{pairs.means(), {x.covariance.groups, pairs.products(x.covariance.within), {}}};
  if (x.covariance.has_across()) y.covariance.across = pairs.products(x.covariance.across);
  add_mean_products(-1, y.mean, y.covariance);
  return y;
}

TokenPairs TokenActivations::backward(network::ActivationKind kind, const TokenPairs& g, const TokenMoments& x) {
  ActivationPairs pairs(moments_, kind, x.mean, own(x.covariance));
  return each(g, x.covariance, [&](const MatrixXd& gradient, const MatrixXd& covariance) -> MatrixXd {
    return gradient.cwiseProduct(pairs.derivatives(covariance));
  });
}

// ---- numbers of tokens -----------------------------------------------------------------------------------------------

GroupedTokens::GroupedTokens(const network::Lifted<double>& network, Prefix prefix, const profile::TokenLists& tokens,
                             std::shared_ptr<RowTables> rows)
    : network_(network),
      prefix_(prefix),
      tokens_(tokens),
      groups_(std::make_shared<const TokenGroups>(
          prefix == Prefix::single ? TokenGroups::single(static_cast<Index>(network.sequence_length))
                                   : TokenGroups::grouped(static_cast<Index>(network.sequence_length)))),
      follows_across_(network.batch > 1),
      rows_(std::move(rows)),
      same_words_(same_words_of(network)) {
  scalar::keep_products_on_their_thread();
}

GroupedTokens::GroupedTokens(const network::Lifted<double>& network, TokenGroups groups,
                             std::optional<MatrixXd> products, double laws, const profile::TokenLists& tokens)
    : network_(network),
      products_(std::move(products)),
      laws_(laws),
      prefix_(Prefix::actual),
      tokens_(tokens),
      groups_(std::make_shared<const TokenGroups>(std::move(groups))),
      follows_across_(network.batch > 1),
      rows_(std::make_shared<RowTables>()) {
  scalar::keep_products_on_their_thread();
}

ArrayXd GroupedTokens::ratio(const ArrayXd& part, const ArrayXd& whole) {
  return part.binaryExpr(whole, [](double some, double all) { return all > 0 ? some / all : 0.0; });
}

ArrayXd GroupedTokens::weighted(const ArrayXd& a, const ArrayXd& variance_a, const ArrayXd& b,
                                const ArrayXd& variance_b) {
  return ratio(a * variance_a + b * variance_b, variance_a + variance_b);
}

// ---- ends ------------------------------------------------------------------------------------------------------------

TokenMoments GroupedTokens::source(const formula::Moments<double>& x, double by_position, double batch) const {
  TokenMoments out{all(x.mean), TokenPairs::constant(*groups_, x.variance, x.covariance)};
  if (products_) out.covariance.within = *products_;
  if (batch > 1) {
    // The moments spread what tokens of one position have in common over all pairs of positions.
    const double apart = x.cross_covariance - by_position / network_.sequence_length;
    out.covariance.across = TokenPairs::constant(*groups_, apart + by_position, apart).within;
  }
  const auto* given = std::get_if<network::BasicGivenInput<double>>(&network_.source);
  if (given != nullptr && given->gram) out.covariance.within = groups_->means(given->gram->products);
  if (given != nullptr && given->class_tokens > 0) put_class_tokens(*given, batch, out);
  return out;
}

ArrayXd GroupedTokens::of_whole_groups(const std::function<bool(std::size_t)>& holds) const {
  ArrayXd part = groups_->part(holds);
  if ((part > 0 && part < 1).any())
    throw NotCovered("what enters at some of the tokens of a group is not covered by this theory: use --prefix single");
  return part;
}

/// Class tokens have nothing in common with others, nor with each other, and are the same in all
/// sequences.
void GroupedTokens::put_class_tokens(const network::BasicGivenInput<double>& given, double batch,
                                     TokenMoments& x) const {
  const ArrayXd special = of_whole_groups([&](std::size_t token) { return token < given.class_tokens; });
  const ArrayXd drawn = 1 - special;
  const double rows = given.class_std * given.class_std;
  const double positions = given.position.used ? given.position.std * given.position.std : 0;
  x.mean = given.mean * drawn;
  x.covariance.within = given.variance * given.token_correlation * outer(drawn.matrix(), groups_->columns());
  x.covariance.within.diagonal() = (given.variance * drawn + rows * special + positions).matrix();
  if (batch <= 1) return;
  x.covariance.across = given.variance * given.cross_correlation * outer(drawn.matrix(), groups_->columns());
  x.covariance.across.diagonal().array() += rows * special + positions;
}

TokenPairs GroupedTokens::loss_gradient(const formula::Gradient<double>& g, const std::vector<std::size_t>& at) {
  follows_across_ = g.cross_covariance > 0;
  TokenPairs out = TokenPairs::constant(*groups_, g.variance, g.covariance);
  if (follows_across_) out.across = TokenPairs::constant(*groups_, g.cross_covariance, g.cross_covariance).within;
  if (at.empty()) return out;
  const ArrayXd reached =
      of_whole_groups([&](std::size_t token) { return std::binary_search(at.begin(), at.end(), token); });
  scale_pairs(reached.matrix(), out.within);
  if (follows_across_) scale_pairs(reached.matrix(), out.across);
  return out;
}

profile::Forward GroupedTokens::profile_of(const TokenMoments& x, double width, double batch) const {
  const TokenPairs dots = products(x);
  formula::Moments<double> mean;
  mean.mean = groups_->mean(x.mean);
  const double squared_mean = mean.mean * mean.mean;
  mean.variance = groups_->mean(dots.within.diagonal()) - squared_mean;
  mean.covariance = groups_->mean_of_pairs(dots.within, 0) - squared_mean;
  if (dots.has_across()) mean.cross_covariance = mean_across(dots) - squared_mean;
  profile::Forward out = forward_of(mean, network_.sequence_length, width, batch > 1);
  out.effective_rank = effective_rank_of(*groups_, dots.within, width);
  out.ends = ends_of(*groups_, dots.within);
  if (tokens_.moments) out.tokens = by_token(*groups_, dots.within);
  if (tokens_.gram > 0)
    out.gram = gram_of(*groups_, dots.within, profile::gram_tokens(groups_->tokens(), tokens_.gram));
  return out;
}

profile::Backward GroupedTokens::profile_of(const TokenPairs& g, double width, double batch) const {
  const formula::Gradient<double> mean{groups_->mean(g.within.diagonal()), groups_->mean_of_pairs(g.within, 0),
                                       mean_across(g)};
  profile::Backward out = backward_of(mean, batch * network_.sequence_length * width, batch > 1);
  out.ends = ends_of(*groups_, g.within);
  if (tokens_.moments) out.tokens = by_token(*groups_, g.within);
  return out;
}

// ---- anisotropy ------------------------------------------------------------------------------------------------------

formula::Anisotropy<double> GroupedTokens::isotropic(double width) const {
  const auto* embedding = std::get_if<network::BasicEmbedding<double, double>>(&network_.source);
  if (products_ || embedding == nullptr || !embedding->token.used) return {1 / width, 1};
  // The product of two tokens varies from sequence to sequence by whether they are the same word.
  const double match = word_match(*embedding, Theory::full).within, words = embedding->token.std * embedding->token.std;
  double own = words * (1 - match);
  if (embedding->position.used) own += embedding->position.std * embedding->position.std;
  if (!(own > 0)) return {1 / width, 1};
  return {std::min(1.0, 1 / width + words * words * match * (1 - match) / (own * own)), 1};
}

formula::Moments<double> GroupedTokens::alike(const TokenMoments& x) const {
  const double mean = groups_->mean(x.mean), square = mean * mean;
  const TokenPairs dots = products(x);
  return {mean, groups_->mean(dots.within.diagonal()) - square, groups_->mean_of_pairs(dots.within, 0) - square, 0};
}

formula::Gradient<double> GroupedTokens::alike(const TokenPairs& x) {
  return {x.groups->mean(x.within.diagonal()), x.groups->mean_of_pairs(x.within, 0), 0};
}

// ---- sizes -----------------------------------------------------------------------------------------------------------

GroupedTokens::Sizes GroupedTokens::source_sizes(const formula::Moments<double>& x, double features) const {
  Sizes out = drawn_sizes(x, features);
  if (!same_words_) return out;
  const auto& embedding = std::get<network::BasicEmbedding<double, double>>(network_.source);
  out.words += embedding.token.std * embedding.token.std / x.second_moment();
  return out;
}

GroupedTokens::Sizes GroupedTokens::sizes(const AttentionOp<double>& op, const Attended& a, const Signal& x) const {
  if (op.inner_norm || !a.rows || a.over_words != nullptr)
    return new_sizes(formula::attention_size_variance(0.0, op.heads, op.heads, op.head_width, op.width));
  const RowScores& scores = a.rows->scores();
  const ArrayXd mixed = a.mixed.within.diagonal(), words = x.sizes.words * a.x.within.diagonal().array();
  Sizes out{ArrayXd(groups_->count()), all(0)};
  double seen = 0, sum = 0;  // of the tokens up to a group's end
  for (Index g = 0; g < groups_->count(); ++g) {
    seen += groups_->size(g);
    sum += groups_->size(g) * words[g];
    const double keys = std::max(1.0, 1 / scores.squares[g]);
    const double shared = mixed[g] > 0 ? std::min(1.0, mean_row(scores, g) / mixed[g]) : 0;
    out.variance[g] = formula::attention_size_variance(shared, op.heads, op.kv_heads, op.head_width, op.width);
    if (same_words_ && mixed[g] > 0)
      out.variance[g] += formula::row_size_variance(sum / seen, *same_words_, keys, mixed[g]);
  }
  return out;
}

void GroupedTokens::follow_sizes(const AttentionOp<double>& op, const Attended& a, const Signal& x, const Gradient& g,
                                 Norms& norms) const {
  if (!a.rows || a.over_words != nullptr || (g.response == 0).all()) return;
  // Weights read what the rows' outputs are made of: the larger it is, the smaller the gradient.
  const MatrixXd read = a.mixed.within.cwiseProduct(g.moments.within);
  const ArrayXd follows = formula::size_response_of_weights<double>(g.response, ArrayXd(sizes(op, a, x).variance));
  MatrixXd with_sizes = read;
  scale_pairs(follows.sqrt(), with_sizes);
  const double factor = groups_->total(with_sizes) / groups_->total(read);
  for (auto& norm : norms) {
    if (norm) *norm *= factor;
  }
}

// ---- norms -----------------------------------------------------------------------------------------------------------

TokenPairs GroupedTokens::norm_backward(const TokenPairs& g, const TokenMoments& x, const ArrayXd& scale, double width,
                                        const formula::NormShares<ArrayXd>& shares) const {
  TokenPairs back{g.groups, MatrixXd(g.within.rows(), g.within.cols()), MatrixXd(g.across.rows(), g.across.cols())};
  // Column c of the matrices holds the pairs of groups i and m.
  const auto through = [&](Index i, Index m, Index c) {
    const auto of_pair = [&](const ArrayXd& share) { return (share[i] + share[m]) / 2; };
    const double size = std::sqrt(scale[i] * scale[m]);
    const double r = formula::correlation(x.covariance.within(i, c), size);
    const formula::Gradient<double> in = formula::norm_backward<double>(
        {g.within(i, c), g.within(i, c), g.has_across() ? g.across(i, c) : 0}, size, r, width,
        {of_pair(shares.normalized), of_pair(shares.centred), of_pair(shares.radial), of_pair(shares.visible),
         of_pair(shares.sizes)});
    back.within(i, c) = i == c ? in.variance : in.covariance;
    if (g.has_across()) back.across(i, c) = in.cross_covariance;
  };
  const Index groups = groups_->count();
  for (Index m = 0; m < groups; ++m) {
    for (Index i = m; i < groups; ++i) through(i, m, m);
  }
  mirror(back.within);
  if (g.has_across()) mirror(back.across);
  for (Index i = 0; i < groups && groups_->are_grouped(); ++i) through(i, i, groups);
  return back;
}

}  // namespace sigprop::predict
