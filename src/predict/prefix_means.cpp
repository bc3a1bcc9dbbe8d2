// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "predict/causal_attention.hpp"
#include "predict/symmetric.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

double number(Index i) {
  return static_cast<double>(i + 1);
}

/// F(i, m) = Σ x_jj' over j ≤ i, j' ≤ m.
MatrixXd prefix_sums(MatrixXd x) {
  for (Index m = 0; m < x.cols(); ++m) {
    for (Index i = 1; i < x.rows(); ++i) x(i, m) += x(i - 1, m);
    if (m > 0) x.col(m) += x.col(m - 1);
  }
  return x;
}

/// F(j, j') = Σ x_ii' over i ≥ j, i' ≥ j'.
MatrixXd suffix_sums(MatrixXd x) {
  for (Index m = x.cols() - 1; m >= 0; --m) {
    for (Index i = x.rows() - 2; i >= 0; --i) x(i, m) += x(i + 1, m);
    if (m + 1 < x.cols()) x.col(m) += x.col(m + 1);
  }
  return x;
}

/// x_ii' over i i'.
MatrixXd over_lengths(MatrixXd x) {
  const VectorXd inverse = VectorXd::LinSpaced(x.rows(), 1, static_cast<double>(x.rows())).cwiseInverse();
  return inverse.asDiagonal() * x * inverse.asDiagonal();
}

class PrefixMeans final : public CausalAttention {
 public:
  explicit PrefixMeans(CausalScores scores)
      : CausalAttention(std::move(scores)), focus_(VectorXd::Ones(scores_.squares.size()) - scores_.squares) {}

  [[nodiscard]] MatrixXd mixed() const override {
    const Index length = scores_.x.rows();
    const MatrixXd sums = prefix_sums(scores_.x);
    MatrixXd z(length, length);
    SharedKeys shared_keys(scores_);
    for (Index i = 0; i < length; ++i, shared_keys.next_row()) {
      const double keys = number(i);
      const double others = scores_.own[i] - scores_.spread[i];  // mean of X_jj', j ≠ j' ≤ i
      for (Index m = i; m < length; ++m) {
        const double longer = number(m), overlap = scores_.pair.overlap(m, i);
        const double beyond = (sums(m, i) - scores_.prefix[i]) / (keys * longer);
        z(m, i) = overlap * scores_.own[i] + (keys / longer - overlap) * others + beyond +
                  scores_.query(m, i) * scores_.key_gain() * shared(i, m, shared_keys);
      }
      z(i, i) += lost() * scores_.squares[i] * scores_.own[i];
    }
    mirror(z);
    return z;
  }

  [[nodiscard]] MatrixXd mixed_across(const MatrixXd& x) const override { return over_lengths(prefix_sums(x)); }

  [[nodiscard]] CausalGradient backward(const MatrixXd& b) const override {
    CausalGradient out;
    out.value = value_gradient(b);
    set_query(b, out);
    out.key = key_gradient(b);
    return out;
  }

  [[nodiscard]] CrossGradient backward_across(const MatrixXd& b, const MatrixXd& x) const override {
    CrossGradient out;
    out.value = suffix_sums(over_lengths(b));
    MatrixXd both = b;
    SharedKeys shared_keys(scores_);
    for (Index i = 0; i < b.cols(); ++i, shared_keys.next_row()) {
      for (Index m = i; m < b.rows(); ++m) both(m, i) *= scores_.value_gain() * shared(i, m, shared_keys);
    }
    mirror(both);
    set_score_paths_across(both, x, out);
    return out;
  }

 private:
  /// What A and the values have in common, reading the same tokens; over d w_v and the product of the rows' queries.
  [[nodiscard]] double shared(Index i, Index m, const SharedKeys& keys) const {
    return keys.left(m - i) * scores_.spread[i] * scores_.spread[m] * focus_[i] * focus_[m] / scores_.shape.width;
  }

  /// What dropout on A adds to w_i of the common part of the values, d w_v taken out.
  [[nodiscard]] double dropped(Index i) const {
    const double bias = scores_.value_gain() > 0 ? scores_.shape.bias_variance / scores_.value_gain() : 0;
    return lost() * (scores_.own[i] + bias);
  }

  [[nodiscard]] MatrixXd value_gradient(const MatrixXd& b) const {
    const Index length = b.rows();
    MatrixXd same(length, length), other(length, length);
    for (Index i = 0; i < length; ++i) {
      const double keys = number(i);
      for (Index m = i; m < length; ++m) {
        const double overlap = scores_.pair.overlap(m, i);
        same(m, i) = b(m, i) * overlap / keys;
        const double rest = keys > 1 ? (keys / number(m) - overlap) / (keys * (keys - 1)) : 0;
        other(m, i) = b(m, i) * rest;
      }
      same(i, i) += lost() * b(i, i) * scores_.squares[i] / keys;
    }
    mirror(same);
    mirror(other);
    const VectorXd both = suffix_sums(std::move(other)).diagonal();
    const MatrixXd beyond = suffix_sums(over_lengths(b));
    MatrixXd out(length, length);
    out.diagonal() = suffix_sums(std::move(same)).diagonal();
    for (Index j = 0; j < length; ++j) {
      for (Index m = j + 1; m < length; ++m) out(m, j) = both[m] + beyond(m, j) - beyond(m, m);
    }
    mirror(out);
    return out;
  }

  /// The query gradient and E‖∂W_k‖².
  void set_query(const MatrixXd& b, CausalGradient& out) const {
    const Index length = b.rows();
    const double gain = scores_.value_gain() * scores_.query_gain();
    out.query.resize(length, length);
    double weight = 0;
    SharedKeys keys(scores_);
    for (Index i = 0; i < length; ++i, keys.next_row()) {
      const double spread = scores_.spread[i];
      for (Index m = i; m < length; ++m) {
        const double own = m == i ? spread + dropped(i) : spread, common = shared(i, m, keys);
        const double query = keys.spread(m - i) * own * scores_.pair.query_jacobian(m, i);
        out.query(m, i) = gain * b(m, i) * (query + common);
        const double of_keys = scores_.key_spread[i] * own * query_norms(i, m) * scores_.pair.key_jacobian(m, i);
        const double key = of_keys + scores_.query(m, i) * common;
        weight += (m == i ? 1 : 2) * b(m, i) * key;
      }
    }
    mirror(out.query);
    out.key_weight = scores_.shape.score_gain * scores_.key_scale * scores_.value_gain() * weight;
  }

  [[nodiscard]] double query_norms(Index i, Index m) const {
    return m == i ? scores_.query(i, i) : std::sqrt(scores_.query(i, i) * scores_.query(m, m));
  }

  [[nodiscard]] MatrixXd key_gradient(const MatrixXd& b) const {
    const Index length = b.rows();
    MatrixXd same(length, length), other(length, length);
    const double gain = scores_.shape.score_gain * scores_.key_scale * scores_.value_gain();
    for (Index i = 0; i < length; ++i) {
      const double keys = number(i), spread = scores_.spread[i];
      for (Index m = i; m < length; ++m) {
        const double own = m == i ? spread + dropped(i) : spread;
        const double h = gain * b(m, i) * own * query_norms(i, m) * scores_.pair.key_jacobian(m, i) / keys;
        same(m, i) = h;
        other(m, i) = keys > 1 ? -h / (keys - 1) : 0;
      }
    }
    mirror(same);
    mirror(other);
    MatrixXd out(length, length);
    const VectorXd both = suffix_sums(std::move(other)).diagonal();
    for (Index j = 0; j < length; ++j) {
      for (Index m = j + 1; m < length; ++m) out(m, j) = both[m];
    }
    mirror(out);
    out.diagonal() = suffix_sums(std::move(same)).diagonal();
    return out;
  }

  VectorXd focus_;  ///< 1 - S2
};

}  // namespace

std::unique_ptr<CausalAttention> prefix_means(CausalScores scores) {
  return std::make_unique<PrefixMeans>(std::move(scores));
}

}  // namespace sigprop::predict
