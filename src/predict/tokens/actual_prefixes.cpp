// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <utility>

#include "predict/tokens/causal_attention.hpp"
#include "predict/tokens/symmetric.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

double number(Index i) {
  return static_cast<double>(i + 1);
}

/// A row sees no later key: a product with half the work.
auto lower(const MatrixXd& m) {
  return m.triangularView<Eigen::Lower>();
}
auto transposed(const MatrixXd& m) {
  return m.transpose().triangularView<Eigen::Upper>();
}

/// The weights A of a row and their products with those of another are written with
///     a_ij = E[A_ij], β_ij = E[A_ij²], l_ij = √λ_ij: how far key j's score stands out from its row's
///     K_ii'(j, j') = X_jj' - Y_ji' - Y_j'i + o_ii', Y = X aᵀ, o = a Y: the keys, centred by both rows
///     K^D_ii'(j, j') = δ_jj' l_ij l_i'j - a_i'j l_ij l_i'j - a_ij' l_ij' l_i'j' + Σ_k a_ik a_i'k l_ik l_i'k
///     E[A_ij A_i'j'] = a_ij a_i'j' (1 + g0_ii' K + (g_ii' - g0_ii') K^D)
/// g0 is the 1/d part, A and the values reading the same tokens; g is fixed by the pair functional
/// P, λ by β.
class ActualPrefixes final : public CausalAttention {
 public:
  ActualPrefixes(CausalScores scores, RowTable& rows) : CausalAttention(std::move(scores)) {
    set_focus();
    set_shares(rows);
    y_ = scores_.x * transposed(share_);
    own_ = lower(share_) * y_;
    set_gains();
    set_excess();
    excess_dot_ = lower(weighted_) * weighted_.transpose();
    set_products();
  }

  [[nodiscard]] MatrixXd mixed() const override {
    MatrixXd z = own_ + common_.cwiseProduct(product_) + (full_ - common_).cwiseProduct(single_product_);
    if (lost() > 0) z.diagonal() += lost() * square_ * scores_.x.diagonal();
    return z;
  }

  [[nodiscard]] MatrixXd mixed_across(const MatrixXd& x) const override {
    const MatrixXd right = x * transposed(share_);
    return lower(share_) * right;
  }

  [[nodiscard]] CausalGradient backward(const MatrixXd& b) const override {
    CausalGradient out;
    out.value = weights(b, b.cwiseProduct(common_), b.cwiseProduct(full_ - common_));
    if (lost() > 0) out.value.diagonal() += lost() * (square_.transpose() * b.diagonal());

    const double value = scores_.value_gain(), gain = scores_.shape.score_gain * scores_.key_scale;
    const MatrixXd focus = focus_ * focus_.transpose();
    const auto bracket = [&](const MatrixXd& jacobian) {
      MatrixXd m = focus.cwiseProduct(product_) + (jacobian - focus).cwiseProduct(single_product_);
      if (lost() > 0) m.diagonal() += dropped(jacobian.diagonal());
      return m;
    };
    out.query = value * scores_.query_gain() * b.cwiseProduct(bracket(query_jacobian_));

    // The key jacobian holds its query product as T12_k ρ: what multiplies b is d w_q X_ii' τ_k.
    const VectorXd root = scores_.query.diagonal().cwiseSqrt();
    const MatrixXd query_jacobian = root.asDiagonal() * key_jacobian_ * root.asDiagonal();
    const MatrixXd query_focus = scores_.query.cwiseProduct(focus);
    const MatrixXd none = MatrixXd::Zero(b.rows(), b.cols());
    out.key = value * gain * weights(none, b.cwiseProduct(query_focus), b.cwiseProduct(query_jacobian - query_focus));
    if (lost() > 0) out.key += value * gain * dropped_keys(b.diagonal().cwiseProduct(query_jacobian.diagonal()));

    MatrixXd weight = query_focus.cwiseProduct(product_) + (query_jacobian - query_focus).cwiseProduct(single_product_);
    if (lost() > 0) {
      weight.diagonal() += scores_.query.diagonal().cwiseProduct(dropped(key_jacobian_.diagonal()));
    }
    out.key_weight = value * gain * b.cwiseProduct(weight).sum();
    return out;
  }

  [[nodiscard]] CrossGradient backward_across(const MatrixXd& b, const MatrixXd& x) const override {
    CrossGradient out;
    const MatrixXd right = b * lower(share_);
    out.value = transposed(share_) * right;
    const VectorXd weight = focus_.cwiseProduct(centred_spread_);
    const double gain = scores_.value_gain() / scores_.shape.width;
    set_score_paths_across(gain * (weight.asDiagonal() * b * weight.asDiagonal()), x, out);
    return out;
  }

 private:
  /// (1 - 1/i): what a mean over i keys leaves of a variance.
  [[nodiscard]] static double left(Index i) { return 1 - 1 / number(i); }

  void set_focus() {
    const Index length = scores_.x.rows();
    focus_ = VectorXd::Zero(length);
    centred_spread_ = VectorXd::Zero(length);
    for (Index i = 1; i < length; ++i) {
      focus_[i] = (1 - scores_.squares[i]) / left(i);
      centred_spread_[i] = scores_.spread[i] * left(i);
    }
  }

  /// a and β, row by row, from every key's own score variance.
  void set_shares(RowTable& rows) {
    const Index length = scores_.x.rows();
    MatrixXd share = MatrixXd::Zero(length, length), square = share;  // by key, then row
    VectorXd sums = VectorXd::Zero(length);                           // Σ_{k≤i} X_jk
    share(0, 0) = square(0, 0) = 1;
    for (Index i = 0; i < length; ++i) {
      sums.head(i) += scores_.x.col(i).head(i);
      sums[i] = scores_.x.col(i).head(i + 1).sum();
      if (i == 0) continue;
      const double keys = number(i), spread = scores_.spread[i];
      const RowTable::OddKey odd = rows.odd_key(keys, scores_.variance[i]);
      const double square_at_one = odd(1).square;
      double total = 0;
      for (Index j = 0; j <= i; ++j) {
        double ratio = 1;  // of the key's score variance to the row's
        if (i > 1 && spread > 0) {
          const double leverage = scores_.x(j, j) - 2 * sums[j] / keys + scores_.prefix[i] / (keys * keys);
          ratio = std::max(0.0, (leverage - spread / keys) / (1 - 2 / keys)) / spread;
        }
        const formula::OddKey<double> key = odd(std::sqrt(ratio));
        share(j, i) = key.share;
        square(j, i) = key.square;
        total += key.share;
      }
      share.col(i).head(i + 1) /= total;
      square.col(i).head(i + 1) *= scores_.squares[i] / (keys * square_at_one * total * total);
    }
    share_ = transpose(share);
    square_ = transpose(square);
  }

  /// g0, g and the jacobians τ, each 0 where a row has one key.
  void set_gains() {
    const Index length = scores_.x.rows();
    common_ = scores_.key_gain() * scores_.query.cwiseProduct(focus_ * focus_.transpose());
    full_ = MatrixXd::Zero(length, length);
    query_jacobian_ = MatrixXd::Zero(length, length);
    key_jacobian_ = MatrixXd::Zero(length, length);
    for (Index i = 1; i < length; ++i) {
      for (Index m = i; m < length; ++m) {
        const double longer = number(m), rest = left(i);
        if (scores_.spread[i] > 0) {
          full_(m, i) = (longer * scores_.pair.overlap(m, i) - 1) / (scores_.spread[i] * rest);
        }
        query_jacobian_(m, i) = scores_.pair.query_jacobian(m, i) * longer / rest;
        key_jacobian_(m, i) = scores_.pair.key_jacobian(m, i) * longer / rest;
      }
    }
    for (MatrixXd* part : {&full_, &query_jacobian_, &key_jacobian_}) mirror(*part);
  }

  /// l and a ∘ l.
  void set_excess() {
    const Index length = scores_.x.rows();
    excess_ = MatrixXd::Zero(length, length);
    const MatrixXd y = transpose(y_);
    for (Index j = 0; j < length; ++j) {
      for (Index i = std::max<Index>(j, 1); i < length; ++i) {
        const double scale = (full_(i, i) - common_(i, i)) * left(i);
        if (!(scale > 0)) continue;
        const double centred = scores_.x(j, j) - 2 * y(i, j) + own_(i, i);
        const double relative = square_(i, j) / (share_(i, j) * share_(i, j)) - 1;
        excess_(i, j) = std::sqrt(std::max(0.0, (relative - common_(i, i) * centred) / scale));
      }
    }
    weighted_ = share_.cwiseProduct(excess_);
  }

  /// κ and κ^D: the sums of E[A A'] X over pairs of keys, per unit of g0 and of g - g0.
  void set_products() {
    const MatrixXd squares = lower(share_) * y_.cwiseAbs2();
    const MatrixXd right = scores_.x.cwiseAbs2() * transposed(share_);
    product_ = lower(share_) * right;
    product_ += own_.cwiseAbs2() - with_transpose(squares);
    product_ += centred_spread_ * centred_spread_.transpose() / scores_.shape.width;
    const MatrixXd scaled = scores_.x.diagonal().asDiagonal() * weighted_.transpose();
    const MatrixXd crossed = y_.cwiseProduct(weighted_.transpose());
    single_product_ = lower(weighted_) * scaled;
    const MatrixXd second = lower(weighted_) * crossed;
    single_product_ += own_.cwiseProduct(excess_dot_) - with_transpose(second);
  }

  /// Σ_ii' a_ij a_i'j' (b_ii' + p_ii' K + q_ii' K^D) for symmetric b, p, q.
  [[nodiscard]] MatrixXd weights(const MatrixXd& b, const MatrixXd& p, const MatrixXd& q) const {
    const MatrixXd ap = transposed(share_) * p;
    const MatrixXd wq = transposed(weighted_) * q;
    const MatrixXd single = wq.cwiseProduct(weighted_.transpose());
    const MatrixXd apa = ap * lower(share_);
    const MatrixXd crossed = (y_.cwiseProduct(ap) + single) * lower(share_);
    const MatrixXd right = (b + p.cwiseProduct(own_) + q.cwiseProduct(excess_dot_)) * lower(share_);
    MatrixXd out = transposed(share_) * right;
    out += scores_.x.cwiseProduct(apa) - with_transpose(crossed);
    out.diagonal() += single.rowwise().sum();
    return out;
  }

  /// What dropout on A adds to the bracket of the query path, by row.
  [[nodiscard]] VectorXd dropped(const VectorXd& jacobian) const {
    const Index length = scores_.x.rows();
    VectorXd out = VectorXd::Zero(length);
    const MatrixXd y = transpose(y_);
    for (Index j = 0; j < length; ++j) {
      for (Index i = std::max<Index>(j, 1); i < length; ++i) {
        const double focus = focus_[i] * focus_[i];
        const double a = share_(i, j), l2 = excess_(i, j) * excess_(i, j);
        const double centred = scores_.x(j, j) - 2 * y(i, j) + own_(i, i);
        const double single = l2 - 2 * a * l2 + excess_dot_(i, i);
        out[i] += a * a * values(j) * (focus * centred + (jacobian[i] - focus) * single);
      }
    }
    return lost() * out;
  }

  /// X_jj with the biases of the values.
  [[nodiscard]] double values(Index j) const {
    return scores_.x(j, j) + (scores_.value_gain() > 0 ? scores_.shape.bias_variance / scores_.value_gain() : 0);
  }

  /// p/(1-p) Σ_i c_i a_ij a_ij' (δ_jj' X_jj - a_ij X_jj - a_ij' X_j'j' + Σ_k a_ik² X_kk).
  [[nodiscard]] MatrixXd dropped_keys(const VectorXd& c) const {
    const Index length = scores_.x.rows();
    VectorXd x(length);
    for (Index j = 0; j < length; ++j) x[j] = values(j);
    const MatrixXd squared = share_.cwiseAbs2();
    const VectorXd sums = squared * x;
    const MatrixXd left = x.asDiagonal() * squared.transpose() * c.asDiagonal();
    const MatrixXd one = left * lower(share_);
    const MatrixXd right = c.cwiseProduct(sums).asDiagonal() * share_;
    MatrixXd out = transposed(share_) * right;
    out -= with_transpose(one);
    out.diagonal() += x.cwiseProduct(squared.transpose() * c);
    return lost() * out;
  }

  VectorXd focus_;           ///< φ = (1 - S2)/(1 - 1/i)
  VectorXd centred_spread_;  ///< w (1 - 1/i)
  MatrixXd share_;           ///< a
  MatrixXd square_;          ///< β
  MatrixXd y_;               ///< Y
  MatrixXd own_;             ///< o
  MatrixXd common_;          ///< g0
  MatrixXd full_;            ///< g
  MatrixXd query_jacobian_;  ///< τ_q
  MatrixXd key_jacobian_;    ///< τ_k, with the rows' correlation
  MatrixXd excess_;          ///< l
  MatrixXd weighted_;        ///< a ∘ l
  MatrixXd excess_dot_;      ///< Σ_k a_ik a_i'k l_ik l_i'k
  MatrixXd product_;         ///< κ
  MatrixXd single_product_;  ///< κ^D
};

}  // namespace

std::unique_ptr<CausalAttention> actual_prefixes(CausalScores scores, RowTable& rows) {
  return std::make_unique<ActualPrefixes>(std::move(scores), rows);
}

}  // namespace sigprop::predict
