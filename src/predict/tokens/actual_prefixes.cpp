// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <utility>

#include "predict/tokens/causal_attention.hpp"
#include "predict/tokens/symmetric.hpp"
#include "predict/tokens/visible_tokens.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// The weights A of a row and their products with those of another are written with
///     a_ij = E[A_ij], β_ij = E[A_ij²], l_ij = √λ_ij: how far key j's score stands out from its row's
///     K_ii'(j, j') = X_jj' - Y_ji' - Y_j'i + o_ii', Y = X aᵀ, o = a Y: the keys, centred by both rows
///     K^D_ii'(j, j') = δ_jj' l_ij l_i'j - a_i'j l_ij l_i'j - a_ij' l_ij' l_i'j' + Σ_k a_ik a_i'k l_ik l_i'k
///     E[A_ij A_i'j'] = a_ij a_i'j' (1 + g0_ii' K + (g_ii' - g0_ii') K^D)
/// g0 is the 1/d part, A and the values reading the same tokens; g is fixed by the pair functional
/// P, λ by β. Of two rows of one group, the later is the middle one with a share of unseen keys
/// (VisibleTokens).
///
/// In the covariance of two weights X stands for the products of keys, in that of two gradients at
/// scores for those of tokens, which values are made of: the same but behind a norm of keys.
class ActualPrefixes final : public TokenAttention {
 public:
  ActualPrefixes(RowScores scores, RowTable& rows) : TokenAttention(std::move(scores)), visible_(scores_.groups) {
    set_focus();
    set_shares(rows);
    keys_ = centred(scores_.key());
    if (scores_.shape.normalized) values_ = centred(scores_.x);
    set_product();
    set_left();
    set_gains();
    set_excess();
    set_single_product();
  }

  [[nodiscard]] MatrixXd mixed() const override {
    MatrixXd z = means() + common_.cwiseProduct(product_) + (full_ - small_).cwiseProduct(single_product_);
    z.diagonal() -= unleaked();
    if (lost() > 0) z.diagonal() += lost() * visible_.counted_keys(square_) * scores_.x.diagonal();
    return z;
  }

  [[nodiscard]] MatrixXd linear() const override {
    return means() + scores_.key_gain() * scores_.query.cwiseProduct(query_bracket());
  }

  [[nodiscard]] MatrixXd mixed_across(const MatrixXd& x) const override {
    const MatrixXd right = scores_.groups.different(x) * transposed(mass_);
    const MatrixXd means = lower(mass_) * right;
    return of_one_group(
        means + visible_.over_shared_keys(share_, share_ * scores_.groups.beyond_different(x).asDiagonal()), right);
  }

  [[nodiscard]] CausalGradient backward(const MatrixXd& b) const override {
    CausalGradient out;
    out.value = weights(keys_, b, b.cwiseProduct(common_), b.cwiseProduct(full_ - small_));
    if (lost() > 0) out.value.diagonal() += lost() * (visible_.counted_rows(square_).transpose() * b.diagonal());

    const double value = scores_.value_gain(), gain = scores_.shape.score_gain;
    MatrixXd bracket = query_bracket();
    if (lost() > 0) bracket.diagonal() += turned_.diagonal().cwiseProduct(dropped(query_jacobian_.diagonal()));
    out.query = scores_.before_norm(scores_.query_size, value * scores_.key_gain() * b.cwiseProduct(bracket));

    // The key jacobian holds its query product as T12_k ρ: what multiplies b is d w_q X_ii' τ_k.
    MatrixXd query_jacobian = key_jacobian_;
    scale_pairs(scores_.query.diagonal().cwiseSqrt(), query_jacobian);
    const MatrixXd focus = scores_.query.cwiseProduct(outer(focus_, columns()));
    const MatrixXd kept = focus.cwiseProduct(kept_);
    const MatrixXd none = MatrixXd::Zero(b.rows(), b.cols());
    out.key = weights(values(), none, b.cwiseProduct(kept), b.cwiseProduct(query_jacobian - kept));
    if (lost() > 0) out.key += dropped_keys(b.diagonal().cwiseProduct(query_jacobian.diagonal()));
    out.key = scores_.before_norm(scores_.key_size, value * gain * out.key);

    // The weights meet the keys before they are rotated back.
    MatrixXd weight = focus.cwiseProduct(left_).cwiseProduct(product_) +
                      (query_jacobian - kept).cwiseProduct(of_shorter_).cwiseProduct(single_product_);
    if (lost() > 0) {
      const VectorXd turned = scores_.query.diagonal().cwiseProduct(turned_.diagonal());
      weight.diagonal() += turned.cwiseProduct(dropped(key_jacobian_.diagonal()));
    }
    out.key_weight = value * gain * scores_.groups.total(b.cwiseProduct(weight));
    return out;
  }

  [[nodiscard]] CrossGradient backward_across(const MatrixXd& b, const MatrixXd& x) const override {
    CrossGradient out;
    const MatrixXd right = scores_.groups.different(b) * lower(seeing_);
    out.value = over_rows(transposed(seeing_) * right, scores_.groups.beyond_different(b).asDiagonal() * share_);
    const VectorXd weight = focus_.cwiseProduct(centred_spread_);
    const SharedKeys shared(scores_);
    MatrixXd common = over_groups(
        count(), columns(), [&](Index h, Index g) { return b(h, g) * shared.left(g, h); },
        [&](Index g) { return b(g, count()) * shared.left_within(g); });
    common *= scores_.value_gain() * scores_.shape.participation;
    scale_pairs(weight, common);
    set_score_paths_across(common, x, out);
    return out;
  }

 private:
  /// X, Y, o and the excess of keys, or of values. A constant is taken from all X, which drops out
  /// of K, so that tokens that are nearly alike keep their digits.
  struct Centred {
    double common = 0;    ///< the constant
    MatrixXd x;           ///< X less it
    VectorXd beyond;      ///< of X_jj over X_jj' of two tokens of one group
    MatrixXd y;           ///< Y of a key that the row does not see
    MatrixXd seen;        ///< Y
    MatrixXd own;         ///< o
    MatrixXd weighted;    ///< a ∘ l
    MatrixXd excess_dot;  ///< Σ_k a_ik a_i'k l_ik l_i'k
  };

  [[nodiscard]] const Centred& values() const { return scores_.shape.normalized ? values_ : keys_; }
  /// o of the values, the constant included.
  [[nodiscard]] MatrixXd means() const { return values().own.array() + values().common; }
  [[nodiscard]] Index count() const { return scores_.groups.count(); }
  [[nodiscard]] Index columns() const { return scores_.groups.columns(); }
  /// The keys that the row of a group sees.
  [[nodiscard]] double keys(Index g) const { return scores_.groups.middle(g); }
  /// (1 - 1/i): what a mean over i keys leaves of a variance.
  [[nodiscard]] double left(Index g) const { return 1 - 1 / keys(g); }

  /// What one row has less of κ's fluctuation than φ² of it.
  [[nodiscard]] VectorXd unleaked() const {
    const SharedKeys shared(scores_);
    VectorXd out(count());
    for (Index g = 0; g < count(); ++g) {
      const double spread = focus_[g] * centred_spread_[g];
      out[g] = (1 - scores_.leak[g]) * scores_.key_gain() * scores_.query(g, g) * shared.left(g, g) *
               scores_.shape.participation * spread * spread;
    }
    return out;
  }

  /// What multiplies b in the query path, but for dropout.
  [[nodiscard]] MatrixXd query_bracket() const {
    const MatrixXd focus = outer(focus_, columns());
    return focus.cwiseProduct(left_).cwiseProduct(product_) +
           turned_.cwiseProduct(query_jacobian_ - focus).cwiseProduct(single_product_);
  }

  /// Sums over a row's keys, for two rows of one group from those of one: the later has the same
  /// keys for the most part, and unseen ones besides. `unseen`: such a key with the row.
  [[nodiscard]] MatrixXd of_one_group(const MatrixXd& rows, const MatrixXd& unseen) const {
    MatrixXd out(count(), columns());
    out.leftCols(count()) = rows;
    for (Index g = 0; g < count() && columns() > count(); ++g)
      out(g, count()) = rows(g, g) + visible_.unseen(g) * (unseen(g, g) - rows(g, g));
    return out;
  }
  enum class Unseen { add_nothing, are_like_others };
  [[nodiscard]] MatrixXd of_one_group(const MatrixXd& rows, Unseen unseen) const {
    return of_one_group(rows, unseen == Unseen::add_nothing ? MatrixXd::Zero(count(), count()) : rows);
  }

  /// Σ_ii' u_ij a_i'j' over different rows, summed over i already, with what one row adds.
  [[nodiscard]] MatrixXd over_rows(const MatrixXd& different, const MatrixXd& one) const {
    return visible_.pairs(different, visible_.over_shared_rows(one, share_));
  }

  void set_focus() {
    focus_ = VectorXd::Zero(count());
    centred_spread_ = VectorXd::Zero(count());
    for (Index g = 1; g < count(); ++g) {
      focus_[g] = (1 - scores_.squares[g]) / left(g);
      centred_spread_[g] = std::sqrt(scores_.spread[g] * scores_.values.spread[g]) * left(g);
    }
  }

  /// a and β, row by row, from every key's own score variance.
  void set_shares(RowTable& rows) {
    const MatrixXd rotated = rotated_keys(), x = scores_.groups.different(rotated);
    const VectorXd beyond = scores_.groups.beyond_different(rotated);
    MatrixXd share = MatrixXd::Zero(count(), count()), square = share;  // by key, then row
    VectorXd sums = VectorXd::Zero(count());  // Σ_k X_jk over the groups before, then those seen
    share(0, 0) = square(0, 0) = 1;
    for (Index g = 0; g < count(); ++g) {
      const double seen = keys(g), reached = scores_.groups.reached(g), own = scores_.own[g];
      const double spread = scores_.key_spread[g], prefix = seen * own + seen * (seen - 1) * (own - spread);
      if (g > 0) {
        const RowTable::OddKey odd = rows.odd_key(seen, scores_.variance[g]);
        const double square_at_one = odd(1).square;
        double total = 0;
        for (Index j = 0; j <= g; ++j) {
          double ratio = 1;  // of the key's score variance to the row's
          if (seen > 2 && spread > 0) {
            const double sum = sums[j] + reached * x(j, g) + beyond[j];
            const double leverage = scores_.key()(j, j) - 2 * sum / seen + prefix / (seen * seen);
            ratio = std::max(0.0, (leverage - spread / seen) / (1 - 2 / seen)) / spread;
          }
          const formula::OddKey<double> key = odd(std::sqrt(ratio));
          share(j, g) = key.share;
          square(j, g) = key.square;
          total += key.share * (j < g ? scores_.groups.size(j) : reached);
        }
        share.col(g).head(g + 1) /= total;
        square.col(g).head(g + 1) *= scores_.squares[g] / (seen * square_at_one * total * total);
      }
      sums += scores_.groups.size(g) * x.col(g);
    }
    share_ = transpose(share);
    square_ = transpose(square);
    mass_ = visible_.counted_keys(share_);
    seeing_ = visible_.counted_rows(share_);
  }

  /// X as rows see the keys, with what rotary positions leave of it.
  [[nodiscard]] MatrixXd rotated_keys() const {
    if (!scores_.rotary) return scores_.key();
    const SharedKeys shared(scores_);
    const MatrixXd kept = over_groups(
        count(), columns(), [&](Index g, Index h) { return g == h ? 1.0 : shared.kept(g, h); },
        [&](Index g) { return shared.kept_within(g); });
    return scores_.key().cwiseProduct(kept);
  }

  /// Without the excess.
  [[nodiscard]] Centred centred(const MatrixXd& products) const {
    Centred out;
    out.common = products(count() - 1, 0);
    out.x = products.array() - out.common;
    const MatrixXd& x = out.x;
    out.beyond = scores_.groups.beyond_different(x);
    out.y = scores_.groups.different(x) * transposed(mass_);
    out.seen = out.y + out.beyond.asDiagonal() * share_.transpose();
    const MatrixXd means = lower(mass_) * out.y;
    out.own = of_one_group(means + visible_.over_shared_keys(share_, share_ * out.beyond.asDiagonal()), out.y);
    return out;
  }

  void set_weighted(MatrixXd weighted, Centred& out) const {
    out.excess_dot = of_one_group(visible_.over_shared_keys(weighted, weighted), Unseen::add_nothing);
    out.weighted = std::move(weighted);
  }

  /// g0, g and the jacobians τ, each 0 where a row has one key.
  void set_gains() {
    const SharedKeys shared(scores_);
    const auto ratio = [](double part, double whole) { return whole > 0 ? part / whole : 1; };
    const MatrixXd focus = scores_.key_gain() * scores_.query.cwiseProduct(outer(focus_, columns()));
    kept_ = over_groups(
        count(), columns(), [&](Index h, Index g) { return ratio(shared.spread(g, h), scores_.key_spread[g]); },
        [&](Index g) { return ratio(shared.spread_within(g), scores_.key_spread[g]); });
    const auto of_row = [&](Index g) { return ratio(scores_.key_spread[g], scores_.spread[g]); };
    of_shorter_ = over_groups(
        count(), columns(), [&](Index, Index g) { return of_row(g); }, of_row);
    turned_ = kept_.cwiseProduct(of_shorter_);
    common_ = focus.cwiseProduct(left_);
    small_ = focus.cwiseProduct(turned_);
    full_ = query_jacobian_ = key_jacobian_ = MatrixXd::Zero(count(), columns());
    const auto set = [&](Index g, Index row, Index column, double longer) {
      const double spread = scores_.spread[g];
      if (!(spread > 0)) return;
      full_(row, column) = (longer * scores_.pair.overlap(row, column) - 1) / (spread * left(g));
      query_jacobian_(row, column) = scores_.pair.query_jacobian(row, column) * longer / left(g);
      key_jacobian_(row, column) = scores_.pair.key_jacobian(row, column) * longer / left(g);
    };
    for (Index g = 1; g < count(); ++g) {
      for (Index h = g; h < count(); ++h) set(g, h, g, keys(h));
      if (scores_.groups.size(g) > 1) set(g, g, count(), scores_.groups.later(g));
    }
    for (MatrixXd* part : {&full_, &query_jacobian_, &key_jacobian_}) mirror(*part);
  }

  /// l and a ∘ l. Where g and g0 are nearly the same, l is that of small scores.
  void set_excess() {
    constexpr double steadied = 0.02, rounding = 3e-4;  // of g, and beyond what tables know of it
    excess_ = MatrixXd::Zero(count(), count());
    const MatrixXd y = transpose(keys_.seen);
    for (Index j = 0; j < count(); ++j) {
      for (Index i = std::max<Index>(j, 1); i < count(); ++i) {
        const double least =
            steadied * std::max(0.0, full_(i, i)) + (scores_.spread[i] > 0 ? rounding / scores_.spread[i] : 0);
        const double scale = (std::max(0.0, full_(i, i) - small_(i, i)) + least) * left(i);
        if (!(scale > 0)) continue;
        const double centred = keys_.x(j, j) - 2 * y(i, j) + keys_.own(i, i);
        const double relative = square_(i, j) / (share_(i, j) * share_(i, j)) - 1;
        const double beyond = std::max(0.0, relative - small_(i, i) * centred) + least * std::max(0.0, centred);
        excess_(i, j) = std::sqrt(beyond / scale);
      }
    }
    set_weighted(share_.cwiseProduct(excess_), keys_);
    if (!scores_.shape.normalized) return;
    // The excess of values is that of their keys in their own size.
    const VectorXd ratio = scores_.x.diagonal().binaryExpr(
        scores_.key().diagonal(), [](double value, double key) { return key > 0 ? std::sqrt(value / key) : 0.0; });
    set_weighted(keys_.weighted * ratio.asDiagonal(), values_);
  }

  /// κ: the sum of a a' K X over pairs of keys.
  void set_product() {
    const MatrixXd &values_x = values().x, &keys_x = keys_.x;
    const MatrixXd x = scores_.groups.different(values_x), key = scores_.groups.different(keys_x);
    const VectorXd beyond =
        values_x.diagonal().cwiseProduct(keys_x.diagonal()) - x.diagonal().cwiseProduct(key.diagonal());
    const MatrixXd hidden = keys_.y.cwiseProduct(values().y), seen = keys_.seen.cwiseProduct(values().seen);
    const MatrixXd squares = lower(mass_) * hidden + visible_.over_shared_keys(share_, (seen - hidden).transpose());
    const MatrixXd right = x.cwiseProduct(key) * transposed(mass_);
    MatrixXd product = lower(mass_) * right;
    product += visible_.over_shared_keys(share_, share_ * beyond.asDiagonal());
    product += values().own.cwiseProduct(keys_.own).leftCols(count()) - with_transpose(squares);
    product += scores_.shape.participation * centred_spread_ * centred_spread_.transpose();
    product_ = of_one_group(product, Unseen::are_like_others);
  }

  /// The same with rotated keys, R = X κ(j-j'-i+i') in the place of their X, over it.
  void set_left() {
    left_ = MatrixXd::Ones(count(), columns());
    if (!scores_.rotary) return;
    const SharedKeys shared(scores_);
    const MatrixXd& rotated = scores_.rotated_pairs->known(
        {scores_.x.squaredNorm(), scores_.key().squaredNorm(), scores_.variance.sum(), scores_.key_spread.sum()},
        [&] { return rotated_product(); });
    const auto over = [&](Index h, Index g, double product, double whole) {
      const double leak = scores_.shape.participation * centred_spread_[g] * centred_spread_[h];
      const double kept = shared.left(g, h);
      return whole > 0 ? (product + kept * leak) / whole : kept;
    };
    left_ = over_groups(
        count(), columns(), [&](Index h, Index g) { return over(h, g, rotated(h, g), product_(h, g)); },
        [&](Index g) { return over(g, g, rotated(g, count()), product_(g, count())); });
  }

  /// Σ a_ij a_i'j' K_ii'(j,j') R_jj', the later row i first; what lies above the diagonal is not
  /// set. Between the distances of RotatedPairs linear in ln(1 + Δ).
  [[nodiscard]] MatrixXd rotated_product() const {
    const RotatedPairs& pairs = *scores_.rotated_pairs;
    const Centred& of = values();
    const MatrixXd x = scores_.groups.different(of.x);
    const MatrixXd apart = over_groups(
        count(), columns(), [&](Index h, Index g) { return std::log1p(keys(h) - keys(g)); },
        [&](Index g) { return std::log1p(scores_.groups.apart(g)); });
    MatrixXd out = MatrixXd::Zero(count(), columns());
    for (std::size_t n = 0; n < pairs.count(); ++n) {
      const MatrixXd rotated = scores_.key().cwiseProduct(pairs.kept(n)), r = scores_.groups.different(rotated);
      const VectorXd beyond = scores_.groups.beyond_different(rotated);
      const VectorXd both = of.x.diagonal().cwiseProduct(rotated.diagonal()) - x.diagonal().cwiseProduct(r.diagonal());
      // By key and row: Σ_j' R_jj' a_i'j', Σ_j R_jj' a_ij and Σ_j' X_jj' R_jj' a_i'j'.
      const MatrixXd right = r * transposed(mass_), left = r.transpose() * transposed(mass_);
      const MatrixXd seen_right = right + beyond.asDiagonal() * share_.transpose();
      const MatrixXd seen_left = of.seen.cwiseProduct(left + beyond.asDiagonal() * share_.transpose());
      MatrixXd of_key = x.cwiseProduct(r) * transposed(mass_);
      of_key += both.asDiagonal() * share_.transpose();
      of_key -= of.seen.cwiseProduct(seen_right);
      const auto at = [&](Index h, Index g) {
        const auto row = mass_.row(h).head(h + 1);
        double sum = row.dot(of_key.col(g).head(h + 1)) + of.own(h, g) * row.dot(seen_right.col(g).head(h + 1)) -
                     mass_.row(g).head(g + 1).dot(seen_left.col(h).head(g + 1));
        if (h == g) return sum;
        // Of the earlier row's group the sums have taken all tokens as keys that both see.
        const double shared = (both[g] + of.own(h, g) * beyond[g]) * share_(g, g) - of.seen(g, g) * seen_right(g, g) +
                              of.y(g, g) * right(g, g);
        return sum - visible_.hidden(g) * share_(h, g) * shared;
      };
      for (Index g = 0; g < count(); ++g) {
        for (Index h = g; h < count(); ++h) {
          const double weight = pairs.weight(n, apart(h, g));
          if (weight > 0) out(h, g) += weight * at(h, g);
        }
        const double within = columns() > count() ? pairs.weight(n, apart(g, count())) : 0;
        if (within > 0) out(g, count()) += within * at(g, g);
      }
    }
    return out;
  }

  /// κ^D: the sum of a a' K^D X over pairs of keys.
  void set_single_product() {
    const MatrixXd& weighted = keys_.weighted;
    const MatrixXd second = visible_.over_shared_keys(weighted, values().seen.transpose().cwiseProduct(weighted));
    MatrixXd single = visible_.over_shared_keys(weighted, weighted * values().x.diagonal().asDiagonal());
    single += values().own.cwiseProduct(keys_.excess_dot).leftCols(count()) - with_transpose(second);
    single_product_ = of_one_group(single, Unseen::add_nothing);
  }

  /// Σ_ii' a_ij a_i'j' (b_ii' + p_ii' K + q_ii' K^D) for symmetric b, p, q, K and K^D of keys or of
  /// values.
  [[nodiscard]] MatrixXd weights(const Centred& of, const MatrixXd& b, const MatrixXd& p, const MatrixXd& q) const {
    const VectorXd p_beyond = scores_.groups.beyond_different(p), q_beyond = scores_.groups.beyond_different(q);
    const MatrixXd ap = transposed(seeing_) * scores_.groups.different(p);
    const MatrixXd wq = transposed(visible_.counted_rows(of.weighted)) * scores_.groups.different(q);
    const MatrixXd apa = over_rows(ap * lower(seeing_), p_beyond.asDiagonal() * share_);
    // Of one row: K reads with Y the key itself, K^D its excess.
    MatrixXd one = share_.cwiseProduct(ap.transpose()) * of.beyond.asDiagonal();
    one += p_beyond.asDiagonal() * share_.cwiseProduct(of.seen.transpose());
    const MatrixXd single = of.weighted.cwiseProduct(wq.transpose() + MatrixXd(q_beyond.asDiagonal() * of.weighted));
    const MatrixXd crossed = over_rows(of.y.cwiseProduct(ap) * lower(seeing_), one + single);
    const MatrixXd sum = b + p.cwiseProduct(of.own) + q.cwiseProduct(of.excess_dot);
    const MatrixXd right = scores_.groups.different(sum) * lower(seeing_);
    MatrixXd out = over_rows(transposed(seeing_) * right, scores_.groups.beyond_different(sum).asDiagonal() * share_);
    out += of.x.cwiseProduct(apa);
    out.leftCols(count()) -= with_transpose(crossed.leftCols(count()));
    if (columns() > count()) out.col(count()) -= 2 * crossed.col(count());
    out.diagonal() += visible_.counted_rows(single).colwise().sum().transpose();
    return out;
  }

  /// What dropout on A adds to the bracket of the query path, by row.
  [[nodiscard]] VectorXd dropped(const VectorXd& jacobian) const {
    VectorXd out = VectorXd::Zero(count());
    const MatrixXd y = transpose(keys_.seen);
    for (Index j = 0; j < count(); ++j) {
      for (Index i = std::max<Index>(j, 1); i < count(); ++i) {
        const double focus = focus_[i] * focus_[i];
        const double a = share_(i, j), l2 = excess_(i, j) * excess_(i, j);
        const double centred = keys_.x(j, j) - 2 * y(i, j) + keys_.own(i, i);
        const double single = l2 - 2 * a * l2 + keys_.excess_dot(i, i);
        out[i] += mass_(i, j) * a * value(j) * (focus * centred + (jacobian[i] - focus) * single);
      }
    }
    return lost() * out;
  }

  /// X_jj with the biases of the values.
  [[nodiscard]] double value(Index j) const {
    return scores_.x(j, j) + (scores_.value_gain() > 0 ? scores_.shape.bias_variance / scores_.value_gain() : 0);
  }

  /// p/(1-p) Σ_i c_i a_ij a_ij' (δ_jj' X_jj - a_ij X_jj - a_ij' X_j'j' + Σ_k a_ik² X_kk).
  [[nodiscard]] MatrixXd dropped_keys(const VectorXd& c) const {
    VectorXd x(count());
    for (Index j = 0; j < count(); ++j) x[j] = value(j);
    const MatrixXd squared = share_.cwiseAbs2();
    const VectorXd sums = visible_.counted_keys(squared) * x;
    const MatrixXd one = visible_.over_shared_rows(c.asDiagonal() * squared * x.asDiagonal(), share_);
    MatrixXd out = visible_.over_shared_rows(c.cwiseProduct(sums).asDiagonal() * share_, share_);
    out.leftCols(count()) -= with_transpose(one.leftCols(count()));
    if (columns() > count()) out.col(count()) -= 2 * one.col(count());
    out.diagonal() += x.cwiseProduct(visible_.counted_rows(squared).transpose() * c);
    return lost() * out;
  }

  VisibleTokens visible_;
  VectorXd focus_;           ///< φ = (1 - S2)/(1 - 1/i)
  VectorXd centred_spread_;  ///< w (1 - 1/i), of keys and values together
  MatrixXd share_;           ///< a
  MatrixXd mass_;            ///< a of all keys of a group that a row sees
  MatrixXd seeing_;          ///< a of all rows of a group that see a key
  MatrixXd square_;          ///< β
  Centred keys_;
  Centred values_;           ///< not set where keys pass no norm: then the same
  MatrixXd left_;            ///< κ with rotated keys over κ: 1 without rotary positions
  MatrixXd kept_;            ///< the spread of keys as both rows see them over the shorter row's
  MatrixXd of_shorter_;      ///< the spread of keys as the shorter row sees them over that without rotation
  MatrixXd turned_;          ///< both: the spread of keys as both rows see them over that without rotation
  MatrixXd common_;          ///< g0
  MatrixXd small_;           ///< what g is where scores are small
  MatrixXd full_;            ///< g
  MatrixXd query_jacobian_;  ///< τ_q
  MatrixXd key_jacobian_;    ///< τ_k, with the rows' correlation
  MatrixXd excess_;          ///< l
  MatrixXd product_;         ///< κ
  MatrixXd single_product_;  ///< κ^D
};

}  // namespace

std::unique_ptr<TokenAttention> actual_prefixes(RowScores scores, RowTable& rows) {
  return std::make_unique<ActualPrefixes>(std::move(scores), rows);
}

}  // namespace sigprop::predict
