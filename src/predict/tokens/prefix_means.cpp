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

/// m_ii' over the rows' keys.
MatrixXd over_lengths(const TokenGroups& groups, MatrixXd m) {
  scale_pairs(groups.middles().cwiseInverse(), m);
  return m;
}

/// Sums of what belongs to pairs of tokens over those up to the middle tokens of two groups, or
/// from them on.
class Sums {
 public:
  enum class Way { from_the_first, from_the_last };

  Sums(const TokenGroups& groups, const MatrixXd& m, Way way)
      : groups_(groups), m_(m), step_(way == Way::from_the_first ? -1 : 1), whole_(padded(groups, m)) {
    const Index count = groups.count();
    // whole_(a + 1, b + 1): over whole groups up to a and b, or from a and b on; a frame of zeros
    // around.
    for (Index n = 0; n < count; ++n) {
      const Index at = way == Way::from_the_first ? n + 1 : count - n;
      whole_.col(at) += whole_.col(at + step_);
    }
    for (Index n = 0; n < count; ++n) {
      const Index at = way == Way::from_the_first ? n + 1 : count - n;
      whole_.row(at) += whole_.row(at + step_);
    }
  }

  /// Of a group with itself: one token stands at both ends.
  [[nodiscard]] double square(Index g) const {
    const double reached = groups_.reached(g);
    const double beside = whole(g, next(g)) - whole(next(g), next(g));  // the group with those wholly within
    double own = reached * m_(g, g);
    if (reached > 1) own += reached * (reached - 1) * m_(g, groups_.count());
    return whole(next(g), next(g)) + 2 * part(g) * beside + own;
  }

  /// Of two groups.
  [[nodiscard]] double operator()(Index g, Index h) const {
    const auto row = [&](Index a) { return (1 - part(h)) * whole(a, next(h)) + part(h) * whole(a, h); };
    return (1 - part(g)) * row(next(g)) + part(g) * row(g);
  }

  /// Of another token of a group with those that the middle one sums over.
  [[nodiscard]] double line(Index g) const {
    const double beside = (whole(g, next(g)) - whole(next(g), next(g))) / groups_.size(g);
    return groups_.reached(g) > 1 ? beside + groups_.reached(g) * m_(g, groups_.count()) : beside;
  }

 private:
  static MatrixXd padded(const TokenGroups& groups, const MatrixXd& m) {
    const Index count = groups.count();
    MatrixXd out = MatrixXd::Zero(count + 2, count + 2);
    const VectorXd& size = groups.sizes();
    out.block(1, 1, count, count) = size.asDiagonal() * m.leftCols(count) * size.asDiagonal();
    for (Index g = 0; g < count; ++g) {
      const double n = size[g];
      out(g + 1, g + 1) = n > 1 ? n * m(g, g) + n * (n - 1) * m(g, count) : m(g, g);
    }
    return out;
  }

  [[nodiscard]] Index next(Index g) const { return g + step_; }
  [[nodiscard]] double whole(Index g, Index h) const { return whole_(g + 1, h + 1); }
  /// Of a group, what its middle token sums over.
  [[nodiscard]] double part(Index g) const { return groups_.reached(g) / groups_.size(g); }

  const TokenGroups& groups_;
  const MatrixXd& m_;
  Index step_;
  MatrixXd whole_;
};

class PrefixMeans final : public TokenAttention {
 public:
  explicit PrefixMeans(RowScores scores)
      : TokenAttention(std::move(scores)), focus_(VectorXd::Ones(scores_.squares.size()) - scores_.squares) {}

  [[nodiscard]] MatrixXd mixed() const override {
    const Sums sums(groups(), scores_.x, Sums::Way::from_the_first);
    const SharedKeys shared_keys(scores_);
    const double gain = scores_.key_gain();
    const auto value = [&](Index h, Index g) {
      const double beyond = h == g ? 0 : sums(h, g) - scores_.values.all[g];
      const double leak = h == g ? scores_.leak[g] : 1;
      const double kept = averaged(g, groups().middle(h), scores_.pair.overlap(h, g), beyond) +
                          scores_.query(h, g) * gain * leak * shared(g, h, shared_keys.left(g, h));
      return h == g ? kept + lost() * scores_.squares[g] * scores_.values.own[g] : kept;
    };
    const auto within = [&](Index g) {
      const double longer = groups().later(g);
      const double beyond = (longer - groups().middle(g)) * sums.line(g);
      return averaged(g, longer, scores_.pair.overlap(g, groups().count()), beyond) +
             scores_.query(g, groups().count()) * gain * shared(g, g, shared_keys.left_within(g));
    };
    return over_pairs(value, within);
  }

  [[nodiscard]] MatrixXd linear() const override {
    const Sums sums(groups(), scores_.x, Sums::Way::from_the_first);
    const MatrixXd by_query = scores_.key_gain() * scores_.query.cwiseProduct(query_bracket(Dropout::left_out));
    const auto value = [&](Index h, Index g) {
      const double longer = groups().middle(h), beyond = h == g ? 0 : sums(h, g) - scores_.values.all[g];
      return averaged(g, longer, 1 / longer, beyond) + by_query(h, g);
    };
    const auto within = [&](Index g) {
      const double longer = groups().later(g), beyond = (longer - groups().middle(g)) * sums.line(g);
      return averaged(g, longer, 1 / longer, beyond) + by_query(g, groups().count());
    };
    return over_pairs(value, within);
  }

  [[nodiscard]] MatrixXd mixed_across(const MatrixXd& x) const override {
    const Sums sums(groups(), x, Sums::Way::from_the_first);
    return over_lengths(groups(), over_pairs([&](Index h, Index g) { return h == g ? sums.square(g) : sums(h, g); },
                                             [&](Index g) { return sums.square(g); }));
  }

  [[nodiscard]] CausalGradient backward(const MatrixXd& b) const override {
    CausalGradient out;
    out.value = value_gradient(b);
    set_query(b, out);
    out.key = key_gradient(b);
    return out;
  }

  [[nodiscard]] CrossGradient backward_across(const MatrixXd& b, const MatrixXd& x) const override {
    CrossGradient out;
    const MatrixXd spread = over_lengths(groups(), b);
    const Sums sums(groups(), spread, Sums::Way::from_the_last);
    out.value = over_pairs([&](Index h, Index g) { return h == g ? sums.square(g) : sums(h, g); },
                           [&](Index g) { return sums.square(g); });
    const SharedKeys keys(scores_);
    const double gain = scores_.value_gain();
    const MatrixXd both =
        over_pairs([&](Index h, Index g) { return gain * b(h, g) * shared(g, h, keys.left(g, h)); },
                   [&](Index g) { return gain * b(g, groups().count()) * shared(g, g, keys.left_within(g)); });
    set_score_paths_across(both, x, out);
    return out;
  }

 private:
  template <class Value, class Within>
  [[nodiscard]] MatrixXd over_pairs(const Value& value, const Within& within) const {
    return over_groups(groups().count(), groups().columns(), value, within);
  }

  /// Σ E[A A'] X over the keys that two rows share and those that only the longer sees, whose sum
  /// is `beyond`.
  [[nodiscard]] double averaged(Index g, double longer, double overlap, double beyond) const {
    const double keys = groups().middle(g);
    const double own = scores_.values.own[g], others = own - scores_.values.spread[g];  // of one key, and of two
    return overlap * own + (keys / longer - overlap) * others + beyond / (keys * longer);
  }

  /// What A and the values have in common, reading the same tokens; over d w_v and the product of
  /// the rows' queries.
  [[nodiscard]] double shared(Index g, Index h, double left) const {
    return left * common_spread(g) * common_spread(h) * focus_[g] * focus_[h] * scores_.shape.participation;
  }

  /// The spread of keys and values together.
  [[nodiscard]] double common_spread(Index g) const { return std::sqrt(scores_.spread[g] * scores_.values.spread[g]); }

  /// What dropout on A adds to w of the common part of the values, d w_v taken out.
  [[nodiscard]] double dropped(Index g) const {
    const double bias = scores_.value_gain() > 0 ? scores_.shape.bias_variance / scores_.value_gain() : 0;
    return lost() * (scores_.values.own[g] + bias);
  }

  [[nodiscard]] MatrixXd value_gradient(const MatrixXd& b) const {
    // By pair of rows, of one key both see, and of two different ones.
    const auto same = [&](Index g, double of_rows, double overlap) { return of_rows * overlap / groups().middle(g); };
    const auto other = [&](Index g, double longer, double of_rows, double overlap) {
      const double keys = groups().middle(g);
      return keys > 1 ? of_rows * (keys / longer - overlap) / (keys * (keys - 1)) : 0;
    };
    const Index column = groups().count();
    const MatrixXd of_one = over_pairs(
        [&](Index h, Index g) {
          const double kept = same(g, b(h, g), scores_.pair.overlap(h, g));
          return h == g ? kept + lost() * b(g, g) * scores_.squares[g] / groups().middle(g) : kept;
        },
        [&](Index g) { return same(g, b(g, column), scores_.pair.overlap(g, column)); });
    const MatrixXd of_two =
        over_pairs([&](Index h, Index g) { return other(g, groups().middle(h), b(h, g), scores_.pair.overlap(h, g)); },
                   [&](Index g) {
                     const double longer = groups().later(g);
                     return other(g, longer, b(g, column), scores_.pair.overlap(g, column));
                   });
    const MatrixXd spread = over_lengths(groups(), b);
    const Sums ones(groups(), of_one, Sums::Way::from_the_last), twos(groups(), of_two, Sums::Way::from_the_last);
    const Sums beyond(groups(), spread, Sums::Way::from_the_last);
    return over_pairs(
        [&](Index h, Index g) { return h == g ? ones.square(g) : twos.square(h) + beyond(g, h) - beyond.square(h); },
        [&](Index g) { return twos.square(g) + groups().apart(g) * beyond.line(g); });
  }

  enum class Dropout { counted, left_out };

  /// What multiplies b in the query path.
  [[nodiscard]] MatrixXd query_bracket(Dropout dropout) const {
    const SharedKeys keys(scores_);
    const auto own = [&](Index g, bool one_row) {
      return scores_.values.spread[g] + (one_row && dropout == Dropout::counted ? dropped(g) : 0);
    };
    return over_pairs(
        [&](Index h, Index g) {
          return keys.spread(g, h) * own(g, h == g) * scores_.pair.query_jacobian(h, g) + shared(g, h, keys.left(g, h));
        },
        [&](Index g) {
          return keys.spread_within(g) * own(g, false) * scores_.pair.query_jacobian(g, groups().count()) +
                 shared(g, g, keys.left_within(g));
        });
  }

  /// The query gradient and E‖∂W_k‖².
  void set_query(const MatrixXd& b, CausalGradient& out) const {
    const double gain = scores_.value_gain() * scores_.key_gain();
    const Index column = groups().count();
    const SharedKeys keys(scores_);
    const auto own = [&](Index g, bool one_row) { return scores_.values.spread[g] + (one_row ? dropped(g) : 0); };
    out.query = scores_.before_norm(scores_.query_size, gain * b.cwiseProduct(query_bracket(Dropout::counted)));
    const auto weight = [&](Index g, double of_rows, double norms, double jacobian, double query, double common) {
      return of_rows * (scores_.key_spread[g] * norms * jacobian + query * common);
    };
    const MatrixXd weights = over_pairs(
        [&](Index h, Index g) {
          return weight(g, b(h, g), own(g, h == g) * query_norms(g, h), scores_.pair.key_jacobian(h, g),
                        scores_.query(h, g), shared(g, h, keys.left(g, h)));
        },
        [&](Index g) {
          return weight(g, b(g, column), own(g, false) * scores_.query(g, g), scores_.pair.key_jacobian(g, column),
                        scores_.query(g, column), shared(g, g, keys.left_within(g)));
        });
    out.key_weight = scores_.shape.score_gain * scores_.value_gain() * groups().total(weights);
  }

  [[nodiscard]] double query_norms(Index g, Index h) const {
    return h == g ? scores_.query(g, g) : std::sqrt(scores_.query(g, g) * scores_.query(h, h));
  }

  [[nodiscard]] MatrixXd key_gradient(const MatrixXd& b) const {
    const double gain = scores_.shape.score_gain * scores_.value_gain();
    const Index column = groups().count();
    const auto of_rows = [&](Index g, Index h, double rows, double jacobian, bool one_row) {
      const double own = scores_.values.spread[g] + (one_row ? dropped(g) : 0);
      return gain * rows * own * query_norms(g, h) * jacobian / groups().middle(g);
    };
    const MatrixXd same =
        over_pairs([&](Index h, Index g) { return of_rows(g, h, b(h, g), scores_.pair.key_jacobian(h, g), h == g); },
                   [&](Index g) { return of_rows(g, g, b(g, column), scores_.pair.key_jacobian(g, column), false); });
    const auto less_one = [&](Index g) { return groups().middle(g) > 1 ? -1 / (groups().middle(g) - 1) : 0.0; };
    const MatrixXd other = over_pairs([&](Index h, Index g) { return same(h, g) * less_one(g); },
                                      [&](Index g) { return same(g, column) * less_one(g); });
    const Sums ones(groups(), same, Sums::Way::from_the_last), twos(groups(), other, Sums::Way::from_the_last);
    return scores_.before_norm(scores_.key_size,
                               over_pairs([&](Index h, Index g) { return h == g ? ones.square(g) : twos.square(h); },
                                          [&](Index g) { return twos.square(g); }));
  }

  [[nodiscard]] const TokenGroups& groups() const { return scores_.groups; }

  VectorXd focus_;  ///< 1 - S2
};

}  // namespace

std::unique_ptr<TokenAttention> prefix_means(RowScores scores) {
  return std::make_unique<PrefixMeans>(std::move(scores));
}

}  // namespace sigprop::predict
