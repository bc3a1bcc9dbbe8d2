// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/unmasked_rows.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "predict/tokens/token_pairs.hpp"

namespace sigprop::predict {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

KeyLaw mean_law(const std::vector<std::shared_ptr<const KeyLaw>>& laws) {
  KeyLaw out;
  std::vector<const RowLaw*> of_rows;
  of_rows.reserve(laws.size());
  for (const auto& law : laws) of_rows.push_back(&law->law);
  out.law = mean_numbers(of_rows);
  out.tokens = laws.front()->tokens;
  for (const auto& law : laws) {
    out.own += law->own;
    out.spread += law->spread;
  }
  const auto count = static_cast<double>(laws.size());
  out.own /= count;
  out.spread /= count;
  return out;
}

}  // namespace

RowQueries row_queries(const RowScores& rows) {
  constexpr double alike = 1.1;
  if (rows.rotary) throw NotCovered("rotary positions without a mask on words are not covered by this theory yet");
  if (rows.shape.normalized)
    throw NotCovered("a norm of queries and keys without a mask on words is not covered by this theory yet");
  RowQueries out;
  formula::Queries<double, TokenPairs> queries({&rows.groups, rows.x, {}}, rows.shape);
  out.products = std::move(queries.products.within);
  const VectorXd own = out.products.diagonal();
  out.alike = own.maxCoeff() <= alike * own.minCoeff();
  out.own = out.alike ? rows.groups.mean(own) : own.maxCoeff();
  out.size = out.alike ? VectorXd::Ones(own.size()) : VectorXd(own / out.own);
  return out;
}

KeyLaw key_law(const TokenGroups& keys, const MatrixXd& x, const RowQueries& rows, double v, double head_width,
               double laws) {
  KeyLaw out;
  out.tokens = keys.tokens();
  out.own = keys.mean(x.diagonal());
  out.spread = std::max(0.0, out.own - keys.mean_of_pairs(x, out.own));
  const double score_variance = v * out.spread;
  if (rows.alike) {
    out.law = row_law(keys, x, v, score_variance, head_width, laws);
  } else if (score_variance <= largest_small_score_variance) {
    out.law = small_scores(keys, x, v);
  } else {
    throw NotCovered(
        "attention with a score variance above 0.1 on tokens whose second moments differ, as without a norm before it, "
        "is not covered by this theory yet");
  }
  return out;
}

UnmaskedRows::UnmaskedRows(RowScores rows, RowQueries queries, std::vector<std::shared_ptr<const KeyLaw>> laws)
    : TokenAttention(std::move(rows)), queries_(std::move(queries)), laws_(std::move(laws)), mean_(mean_law(laws_)) {
  scores_.query = queries_.products;
  // Without queries ρ is of no account: all scores are 0.
  const MatrixXd rho = (scores_.query / (queries_.own > 0 ? queries_.own : 1)).cwiseMax(0.0).cwiseMin(1.0);
  const double v = scores_.key_gain() * queries_.own, width = scores_.shape.width;
  const RowLaw& law = mean_.law;
  const VectorXd& size = queries_.size;
  const VectorXd even = 1 - size.array();  // what rows have of one whose scores are 0
  scores_.variance = v * mean_.spread * size;
  scores_.squares = law.squares * size + even / mean_.tokens;
  scores_.entropy = law.entropy * size + std::log(mean_.tokens) * even;
  bases_ = law.bases(rho);
  shift_ = RowLaw::over(law.shift, bases_);
  linear_ = RowLaw::over(law.mixed, bases_) + scores_.key_gain() / width * scores_.query.cwiseProduct(shift_);
  mixed_ = linear_;
  set_one_row(law.one.mixed + v * law.one.key_shift / width, mixed_);
  mixed_.diagonal() += lost() * (law.lost_mixed * size + mean_.own / mean_.tokens * even);
}

MatrixXd UnmaskedRows::mixed_across(const MatrixXd& x) const {
  return MatrixXd::Constant(x.rows(), x.cols(), groups().total(x) / (groups().tokens() * groups().tokens()));
}

UnmaskedRows::Gradients UnmaskedRows::gradients(const MatrixXd& b) const {
  Gradients out;
  const double value = scores_.value_gain(), gain = scores_.shape.score_gain;
  const double leak = scores_.shape.participation;
  const double length = groups().tokens();
  const VectorXd& size = queries_.size;
  const RowLaw& mean = mean_.law;
  const double rows = length * groups().mean(b.diagonal());  // Σ b_ii
  const double sized =
      length * groups().mean(VectorXd(b.diagonal().cwiseProduct(size)));  // Σ b_ii X_ii over the largest
  std::vector<double> pairs;
  for (const MatrixXd& basis : bases_) {
    MatrixXd at_node = b.cwiseProduct(basis);
    set_one_row(0, at_node);
    pairs.push_back(groups().total(at_node));
  }
  for (const auto& of_keys : laws_) {
    const RowLaw& law = of_keys->law;
    MatrixXd values = MatrixXd::Zero(law.lost_keys.rows(), law.lost_keys.cols()), keys = sized * lost() * law.lost_keys;
    if (queries_.alike) {
      values += rows * law.one.weights;
      keys += rows * law.one.key_weights;
    }
    for (std::size_t n = 0; n < pairs.size(); ++n) {
      values += pairs[n] * law.weights[n];
      keys += pairs[n] * law.key_weights[n];
    }
    values.diagonal() += lost() * sized * law.lost_weights;
    values.diagonal().array() += lost() * (rows - sized) / (of_keys->tokens * of_keys->tokens);
    out.keys.push_back({std::move(values), value * gain * queries_.own * keys});
  }
  MatrixXd bracket = RowLaw::over(mean.query, bases_) + leak * shift_;
  set_one_row(mean.one.query + leak * mean.one.shift, bracket);
  bracket.diagonal().array() += lost() * mean.lost_query;
  out.query = value * scores_.key_gain() * b.cwiseProduct(bracket);
  MatrixXd weight = queries_.own * RowLaw::over(mean.key, bases_) + leak * scores_.query.cwiseProduct(shift_);
  set_one_row(queries_.own * (mean.one.key + leak * mean.one.key_shift), weight);
  weight.diagonal() += queries_.own * lost() * mean.lost_key * size;
  out.key_weight = value * gain * groups().total(b.cwiseProduct(weight));
  return out;
}

CausalGradient UnmaskedRows::backward(const MatrixXd& b) const {
  Gradients found = gradients(b);
  AtKeys& at_keys = found.keys.front();
  return {std::move(at_keys.value), std::move(found.query), std::move(at_keys.key), found.key_weight};
}

CrossGradient UnmaskedRows::backward_across(const MatrixXd& b, const MatrixXd& x) const {
  CrossGradient out;
  out.value = mixed_across(b);
  // Two sequences' rows follow no common query.
  const double both = mean_.law.shift.front() * scores_.shape.participation;
  set_score_paths_across(scores_.value_gain() * both * b, x, out);
  return out;
}

/// What a row has with itself, where all have one law; the nodes have it where scores are small.
void UnmaskedRows::set_one_row(double one, MatrixXd& m) const {
  if (queries_.alike) m.diagonal().setConstant(one);
}

std::unique_ptr<TokenAttention> unmasked_rows(RowScores scores, double laws) {
  RowQueries queries = row_queries(scores);
  auto law = std::make_shared<const KeyLaw>(
      key_law(scores.groups, scores.x, queries, scores.key_gain() * queries.own, scores.shape.head_width, laws));
  return std::make_unique<UnmaskedRows>(std::move(scores), std::move(queries), std::vector{std::move(law)});
}

}  // namespace sigprop::predict
