// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "predict/tokens/causal_attention.hpp"
#include "predict/tokens/row_law.hpp"
#include "predict/tokens/token_pairs.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Rows whose law is that of one row and of two in the correlation of their queries (RowLaw). Where
/// scores are small, the product of two queries is all that counts: then rows may differ in size,
/// and the correlation's place takes the product over that of the largest.
class UnmaskedRows final : public TokenAttention {
 public:
  UnmaskedRows(RowScores scores, double laws) : TokenAttention(std::move(scores)) {
    if (scores_.rotary) throw NotCovered("rotary positions without a mask on words are not covered by this theory yet");
    if (scores_.shape.normalized)
      throw NotCovered("a norm of queries and keys without a mask on words is not covered by this theory yet");
    formula::Queries<double, TokenPairs> queries({&groups(), scores_.x, {}}, scores_.shape);
    scores_.query = std::move(queries.products.within);
    set_sizes();
    // Without queries ρ is of no account: all scores are 0.
    const MatrixXd rho = (scores_.query / (own_query_ > 0 ? own_query_ : 1)).cwiseMax(0.0).cwiseMin(1.0);
    const double v = scores_.key_gain() * own_query_, spread = key_spread(), length = groups().tokens();
    law_ = alike_ ? row_law(groups(), scores_.x, v, v * spread, scores_.shape.head_width, laws)
                  : law_of_small(v, v * spread);
    const VectorXd even = 1 - size_.array();  // what rows have of one whose scores are 0
    scores_.variance = v * spread * size_;
    scores_.squares = law_.squares * size_ + even / length;
    scores_.entropy = law_.entropy * size_ + std::log(length) * even;
    bases_ = law_.bases(rho);
    shift_ = RowLaw::over(law_.shift, bases_);
    linear_ = RowLaw::over(law_.mixed, bases_) +
              scores_.key_gain() / scores_.shape.width * scores_.query.cwiseProduct(shift_);
    mixed_ = linear_;
    set_one_row(law_.one.mixed + v * law_.one.key_shift / scores_.shape.width, mixed_);
    mixed_.diagonal() += lost() * (law_.lost_mixed * size_ + groups().mean(scores_.x.diagonal()) / length * even);
  }

  [[nodiscard]] double score_variance() const override { return groups().mean(scores_.variance); }

  [[nodiscard]] MatrixXd mixed() const override { return mixed_; }
  [[nodiscard]] MatrixXd linear() const override { return linear_; }

  /// All rows of a sequence average alike over those of another.
  [[nodiscard]] MatrixXd mixed_across(const MatrixXd& x) const override {
    return MatrixXd::Constant(x.rows(), x.cols(), groups().total(x) / (groups().tokens() * groups().tokens()));
  }

  [[nodiscard]] CausalGradient backward(const MatrixXd& b) const override {
    CausalGradient out;
    const double value = scores_.value_gain(), gain = scores_.shape.score_gain;
    const double length = groups().tokens();
    const double rows = length * groups().mean(b.diagonal());  // Σ b_ii
    const double sized =
        length * groups().mean(VectorXd(b.diagonal().cwiseProduct(size_)));  // Σ b_ii X_ii over the largest
    MatrixXd values = MatrixXd::Zero(b.rows(), b.cols()), keys = sized * lost() * law_.lost_keys;
    if (alike_) {
      values += rows * law_.one.weights;
      keys += rows * law_.one.key_weights;
    }
    for (std::size_t n = 0; n < law_.nodes.size(); ++n) {
      MatrixXd pairs = b.cwiseProduct(bases_[n]);
      set_one_row(0, pairs);
      const double sum = groups().total(pairs);
      values += sum * law_.weights[n];
      keys += sum * law_.key_weights[n];
    }
    values.diagonal() += lost() * sized * law_.lost_weights;
    values.diagonal().array() += lost() * (rows - sized) / (length * length);
    out.value = std::move(values);
    out.key = value * gain * own_query_ * keys;
    const double participation = scores_.shape.participation;
    MatrixXd bracket = RowLaw::over(law_.query, bases_) + participation * shift_;
    set_one_row(law_.one.query + participation * law_.one.shift, bracket);
    bracket.diagonal().array() += lost() * law_.lost_query;
    out.query = value * scores_.key_gain() * b.cwiseProduct(bracket);
    MatrixXd weight = own_query_ * RowLaw::over(law_.key, bases_) + participation * scores_.query.cwiseProduct(shift_);
    set_one_row(own_query_ * (law_.one.key + participation * law_.one.key_shift), weight);
    weight.diagonal() += own_query_ * lost() * law_.lost_key * size_;
    out.key_weight = value * gain * groups().total(b.cwiseProduct(weight));
    return out;
  }

  [[nodiscard]] CrossGradient backward_across(const MatrixXd& b, const MatrixXd& x) const override {
    CrossGradient out;
    out.value = mixed_across(b);
    const double both = law_.shift.front() / scores_.shape.width;  // two sequences' rows follow no common query
    set_score_paths_across(scores_.value_gain() * both * b, x, out);
    return out;
  }

 private:
  [[nodiscard]] const TokenGroups& groups() const { return scores_.groups; }

  /// Have all rows one law? Else the largest is the measure of the others.
  void set_sizes() {
    constexpr double alike = 1.1;
    const VectorXd own = scores_.query.diagonal();
    alike_ = own.maxCoeff() <= alike * own.minCoeff();
    own_query_ = alike_ ? groups().mean(own) : own.maxCoeff();
    size_ = alike_ ? VectorXd::Ones(own.size()) : VectorXd(own / own_query_);
  }

  [[nodiscard]] RowLaw law_of_small(double v, double score_variance) const {
    if (score_variance <= largest_small_score_variance) return small_scores(groups(), scores_.x, v);
    throw NotCovered(
        "attention with a score variance above 0.1 on tokens whose second moments differ, as without a norm before it, "
        "is not covered by this theory yet");
  }

  /// What a row has with itself, where all have one law; the nodes have it where scores are small.
  void set_one_row(double one, MatrixXd& m) const {
    if (alike_) m.diagonal().setConstant(one);
  }

  /// Mean of X_jj less that of two tokens.
  [[nodiscard]] double key_spread() const {
    const double length = groups().tokens(), own = groups().mean(scores_.x.diagonal());
    const double others = length > 1 ? (groups().total(scores_.x) - length * own) / (length * (length - 1)) : own;
    return std::max(0.0, own - others);
  }

  bool alike_ = true;
  double own_query_ = 0;  ///< E|q|² of a row over k, of the largest where they differ
  VectorXd size_;         ///< of every row over it
  RowLaw law_;
  std::vector<MatrixXd> bases_;  ///< of it, at the correlations of two rows' queries
  MatrixXd shift_;               ///< E[t t']
  MatrixXd linear_;
  MatrixXd mixed_;
};

}  // namespace

std::unique_ptr<TokenAttention> unmasked_rows(RowScores scores, double laws) {
  return std::make_unique<UnmaskedRows>(std::move(scores), laws);
}

}  // namespace sigprop::predict
